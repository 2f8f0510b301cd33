# awk adds up columns and prints formatted numbers
printf 'a 1\nb 2\na 3.5\n' > f
awk '{ s[$1] += $2 } END { for (k in s) printf "%s=%.2f\n", k, s[k] }' f | sort
awk 'BEGIN { printf "%d %x %o %e %g %s|%5s|%-5s|\n", 42, 255, 8, 1234.5, 0.0001, "s", "ab", "cd" }'
awk -F: -v OFS=- '{ print $1, $NF; print NR, NF }' /etc/passwd
awk 'BEGIN { print length("hello"), substr("hello", 2, 3), index("hello", "l"), toupper("abc"), split("a:b:c", p, ":"), p[3] }'
awk 'BEGIN { print sqrt(2), exp(1), log(10), sin(1), cos(1), atan2(1, 2), int(-3.9), 2 ^ 10, 7 % 3 }'
