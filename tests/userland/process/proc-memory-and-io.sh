# what /proc says of a process's memory, and of what it read and wrote
set -- $(grep 'r-xp.*busybox' /proc/self/maps); dev=$4 ino=$5; major=$((0x${dev%:*})) minor=$((0x${dev#*:}))
test $ino = $(stat -c %i /bin/busybox); echo $?; test $((major << 8 | minor & 255 | (minor & ~255) << 12)) = $(stat -c %d /bin/busybox); echo $?
awk '{ print ($1 > $6), ($2 > $3), ($3 > 0), $4, $5, ($6 > 33), $7 }' /proc/self/statm
grep -E '^Vm(Exe|Stk|Lck|Swap)' /proc/self/status; awk '/^VmData/ { d = $2 } /^VmSize/ { print (d > 0 && d < $2) }' /proc/self/status
awk '/^Rss/ { sum += $2 } /^VmRSS/ { all = $2 } END { print (sum == all) }' /proc/self/status
head -n 7 /proc/self/io; printf %100s x > a; sh -c 'read -r line < a; cat a a; cat < a > b; cat /proc/$$/io | head -4'; dd if=a of=/dev/null bs=7 2>/dev/null; wc -c < b
test $(cat /proc/$$/oom_score) -ge 600; echo $?; echo -1000 > /proc/$$/oom_score_adj; test $(cat /proc/$$/oom_score) -ge 600; echo $?
