# twenty thousand lines are put in order
awk 'BEGIN { x = 1; for (i = 0; i < 20000; i++) { x = (x * 16807) % 2147483647; print x } }' > f
sort -n f | md5sum; sort f | md5sum; sort -rn f | head -3; wc -l < f
