# quotes, escapes and expansions
a='x  y'; echo $a "$a" '$a' \$a "\$a \"q\" \\ `echo sub`"; echo "a'b" 'a"b' a\ b; echo *.nothing; touch f1 f2 g; echo f* f? [fg]* '*'; echo ~ | grep -c /; echo $((1 + 2 * (3 - 1))) $((7 / 2)) $((7 % 3)) $((1 << 4)) $((5 > 3)) $((0x10)) $((010)); x=5; echo $((x++)) $x $((x += 2)); echo {a,b}c; echo "$(echo "nested $(echo deep)")"; cat <<E
here $x
E
cat <<'E'
raw $x
E
cat <<-E
	tabs gone
	E
