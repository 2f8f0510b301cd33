# thirty thousand steps of arithmetic
m=0; for n in $(seq 1 60); do s=0; x=$n; while [ $x != 1 ]; do if [ $((x & 1)) = 0 ]; then x=$((x >> 1)); else x=$((3 * x + 1)); fi; s=$((s + 1)); done; [ $s -gt $m ] && m=$s && b=$n; done; echo $b $m
