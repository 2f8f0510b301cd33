# parameters, defaults, substrings
set -- a 'b c' d; echo $# "$1" "$2" "$@"; for x in "$@"; do echo "[$x]"; done; shift; echo "$*"; v=hello.tar.gz; echo ${v%.*} ${v%%.*} ${v#*.} ${v##*.} ${#v} ${v:1:3} ${v/l/L} ${v//l/L}; unset u; echo ${u:-def} ${u-def} ${u:=set} $u ${v:+alt}; IFS=:; set -- $(echo 1:2:3); echo $2; (: ${w:?missing}); echo $?
