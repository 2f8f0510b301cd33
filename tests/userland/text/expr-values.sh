# expr's arithmetic, comparison and matching
expr 1 + 2 \* 3; expr 10 / 3; expr 10 % 3; expr a = a; expr a \< b; expr length hello; expr substr hello 2 3; expr index hello l; expr hello : 'h\(.*\)o'; expr 0; echo $?; expr 1 / 0; echo $?
