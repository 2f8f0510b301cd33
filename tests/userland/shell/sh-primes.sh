# a sieve in the shell
n=2; p=; while [ $n -lt 200 ]; do c=0; for d in $p; do [ $((d * d)) -gt $n ] && break; [ $((n % d)) = 0 ] && { c=1; break; }; done; [ $c = 0 ] && p="$p $n"; n=$((n + 1)); done; echo $p
