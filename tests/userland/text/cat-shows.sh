# cat shows what cannot be seen
printf 'a\tb\001\377\n\nc' > f
cat -v f; echo; cat -e f; echo; cat -t f; echo; cat -A f; echo; cat f f | wc -c; echo in | cat - f | head -1
