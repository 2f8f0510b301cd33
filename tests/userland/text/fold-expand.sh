# lines folded, tabs expanded and put back
echo 'the quick brown fox jumps over the lazy dog' | fold -w 10; echo 'the quick brown fox' | fold -s -w 10
printf 'a\tb\tc\n' | expand; printf 'a\tb\n' | expand -t 4; printf 'a       b\n' | unexpand -a; printf '        x\n' | unexpand | od -c
