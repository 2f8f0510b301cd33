# awk's statements, functions, getline and regular expressions
awk 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } BEGIN { for (i = 0; i < 15; i++) printf "%d ", f(i); print "" }'
awk 'BEGIN { while (("echo a; echo b" | getline line) > 0) print "got", line }'
printf 'one two\nthree four\n' | awk '{ $2 = "X"; print; if (match($0, /re*/)) print RSTART, RLENGTH }'
awk 'BEGIN { s = "aaa"; n = gsub(/a/, "b&", s); print n, s; sub(/b/, "[&]", s); print s; do { i++ } while (i < 5); print i; exit 3 }'
echo "status $?"
