# sort by text, number, month, key, unique, reverse, stable
printf '10\n9\n2\n33\n1\n' > n
sort n; sort -n n; sort -rn n
printf 'b 2\na 2\nc 1\nb 1\n' > k
sort -k2,2n -k1,1 k; sort -k2 -r k; sort -u -k1,1 k; sort -s -k2,2n k
printf 'Mar\nJan\nDec\n' | sort -M; printf 'B\na\nC\n' | sort -f
sort -c n; echo "unsorted: $?"; printf 'b\0a\0' | sort -z | tr '\0' '\n'; sort -t: -k3n /etc/passwd | head -2; sort -o n n; cat n
