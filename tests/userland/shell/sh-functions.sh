# functions, locals, return values, recursion
f() { local x=inner; echo "$x $1 $#"; return 3; }; x=outer; f a b; echo $? $x; fact() { [ $1 -le 1 ] && echo 1 || echo $(($1 * $(fact $(($1 - 1))))); }; fact 10; g() { echo stdout; echo stderr >&2; }; g 2>/dev/null; g 2>&1 >/dev/null; unset -f f; f 2>/dev/null; echo $?; type echo; command -v ls >/dev/null && echo found
