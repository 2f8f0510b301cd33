# echo's options and escapes
echo a b; echo -n no newline; echo; echo -e 'a\tb\nc\0101'; echo -E 'a\tb'; echo -- x; echo "$(printf 'x\n\n')y"
