# characters translated, deleted, squeezed
echo 'Hello World' | tr a-z A-Z; echo 'Hello' | tr '[:upper:]' '[:lower:]'; echo 'a  b   c' | tr -s ' '
echo 'h3ll0' | tr -d 0-9; echo 'abc' | tr -c 'b\n' '_'; printf 'a\tb\n' | tr '\t' ' '; echo abc | tr abc '\061\062\063'
