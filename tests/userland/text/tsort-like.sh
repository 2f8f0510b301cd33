# fields joined by awk from two files
printf '1 a\n2 b\n3 c\n' > x; printf '1 A\n3 C\n' > y
awk 'NR == FNR { m[$1] = $2; next } $1 in m { print $1, $2, m[$1] }' y x
