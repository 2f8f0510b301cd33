# What control groups of version 2 do. Runs as root where cgroup2 is mounted at /sys/fs/cgroup, with one processor; what it
# prints is the same on Linux and on the simulated kernel (cgroups.txt).
cd /sys/fs/cgroup
v() { printf '%s' "$2" 2>/dev/null >$1; echo "$1 [$2] $? $(cat $1)"; }
enter() { echo 0 >$1/cgroup.procs; }

echo "== controllers"
mkdir a
ls a | grep -E '^(cpu|cpuset|memory|pids)\.' | grep -v pressure
echo '+memory +pids +cpu +cpuset' >cgroup.subtree_control
grep -o 'cpuset.*memory' cgroup.controllers | grep -c cpu
cat cgroup.subtree_control a/cgroup.controllers a/cgroup.subtree_control
for file in cgroup.events cgroup.freeze cgroup.kill cgroup.max.depth cgroup.max.descendants cgroup.procs cgroup.stat cgroup.threads \
    cgroup.type cpu.idle cpu.max cpu.max.burst cpu.stat cpu.weight cpu.weight.nice cpuset.cpus cpuset.cpus.effective \
    cpuset.cpus.partition cpuset.mems cpuset.mems.effective memory.current memory.events memory.events.local memory.high \
    memory.low memory.max memory.min memory.oom.group memory.peak memory.reclaim memory.stat memory.swap.current \
    memory.swap.events memory.swap.high memory.swap.max pids.current pids.events pids.max pids.peak; do
    echo $file $(stat -c %a a/$file) $(cat a/$file 2>/dev/null | head -12)
done
cat memory.max
for word in +foo memory '+pids -pids' +pids +hugepages; do v cgroup.subtree_control "$word"; done

echo "== top down, and processes only in leaves"
mkdir a/b a/b/c
v a/b/cgroup.subtree_control +pids
v a/cgroup.subtree_control +pids
v a/b/cgroup.subtree_control +pids
v a/cgroup.subtree_control -pids
sh -c 'echo 0 >a/cgroup.procs; echo into a $?; cat a/cgroup.type a/b/cgroup.type; echo 0 >a/b/cgroup.procs; echo $?
    echo +memory >a/cgroup.subtree_control; echo $?; cat a/b/cgroup.procs; echo $?'
v a/b/cgroup.subtree_control -pids
v a/cgroup.subtree_control -pids
sh -c 'echo 0 >a/cgroup.procs; echo +memory >a/cgroup.subtree_control; echo $?; echo +pids >a/cgroup.subtree_control; echo $?
    cat a/cgroup.type a/b/cgroup.type a/b/c/cgroup.type; echo 0 >a/b/cgroup.procs; echo $?'
v a/cgroup.subtree_control -pids
rmdir a/b; echo $?
rmdir a/b/c a/b
v a/cgroup.subtree_control +memory
mkdir a/b; sh -c 'echo 0 >a/cgroup.procs; echo into a $?; echo 0 >a/b/cgroup.procs; echo into b $?; cat /proc/self/cgroup; rmdir a/b'
echo 99999999 >a/b/cgroup.procs; echo x >a/b/cgroup.procs

echo "== depth"
v a/cgroup.max.depth 1; mkdir a/b/c; echo $?; mkdir a/x; echo $?
v a/cgroup.max.descendants 2; mkdir a/y; echo $?
for value in -1 x 99999999999 2147483647 max; do v a/cgroup.max.depth "$value"; done
v a/cgroup.max.descendants max; cat a/cgroup.stat; rmdir a/x

echo "== values"
cd a
for x in 5 0 max -1 ' 7 ' 0x10 4194304 4194305 5x 99999999999999999999; do v pids.max "$x"; done
for x in 4096 5000 1m 2M 1G max 0 -1 1x 99999999999999999999 max; do v memory.high "$x"; done
for file in max low min swap.max swap.high; do v memory.$file 1m; v memory.$file max; done
v memory.low 0; v memory.min 0
for x in 1 0 10000 10001 100 x max; do v cpu.weight "$x"; done
for x in 0 -20 19 20 5; do v cpu.weight.nice $x; done; cat cpu.weight
for x in 50000 '50000 100000' max 'max 1000' 999 '1000 999' '1000 1000000' '1000 1000001' '5 x' '1000 1000 1' 'max 100000'; do
    v cpu.max "$x"
done
for x in 0 1000 max; do v cpu.max.burst $x; done
v cpu.max '50000 100000'; for x in 50000 50001; do v cpu.max.burst $x; done; v cpu.max 'max 100000'; v cpu.max.burst 0
for x in 0 0-0 1 0-3 x 0,0 3-0; do v cpuset.cpus "$x"; v cpuset.mems "$x"; done
v cpuset.cpus.partition member; v cpuset.cpus.partition bad
for x in 1 0 2 max; do v memory.oom.group $x; done
for x in 1 0 2; do v cpu.idle $x; cat cpu.weight; done
for x in 2 x; do v cgroup.freeze $x; done
v pids.current 3; v cgroup.events 1; v cgroup.controllers x; v cgroup.type domain; v cgroup.kill 2; echo 0 >memory.current
echo 1 >cpuset.cpus; echo 1 >cpuset.mems; echo 3 >cgroup.freeze; echo 0 >cpu.weight; echo 20 >cpu.weight.nice; echo -1 >pids.max
cd ..

echo "== pids"
echo '+pids +cpu' >a/cgroup.subtree_control
echo 2 >a/b/pids.max
sh -c 'echo 0 >a/b/cgroup.procs; echo $(cat a/b/pids.current); sleep 0.1; echo forked; sleep 0.2 & sleep 0.2 & echo never'
sleep 0.3; cat a/b/pids.events a/b/pids.peak a/b/pids.current
echo max >a/b/pids.max; echo 1 >a/pids.max
sh -c 'echo 0 >a/b/cgroup.procs; cat a/b/cgroup.procs; echo never'
echo max >a/pids.max; cat a/pids.peak

echo "== freezer"
sh -c 'echo 0 >a/b/cgroup.procs; i=0; while :; do i=$((i+1)); echo $i >/tmp/count; done' & p=$!
sleep 0.3; echo 1 >a/cgroup.freeze; cat a/cgroup.events a/b/cgroup.events a/b/cgroup.freeze
n=$(cat /tmp/count); sleep 0.3; test "$n" = "$(cat /tmp/count)" && echo stands
grep State /proc/$p/status; kill -TERM $p; sleep 0.1; test -e /proc/$p/status || echo gone
echo 0 >a/cgroup.freeze; wait $p 2>/dev/null; echo ended $?; cat a/b/cgroup.events
sh -c 'echo 0 >a/b/cgroup.procs; exec sleep 100' & p=$!; sleep 0.2; echo 1 >a/b/cgroup.freeze; grep State /proc/$p/status
kill -9 $p; wait $p 2>/dev/null; echo killed $?; cat a/b/cgroup.events
sh -c 'echo 0 >a/b/cgroup.procs; echo here' & p=$!; sleep 0.2; grep State /proc/$p/status
echo $p >cgroup.procs; wait $p 2>/dev/null; echo moved out $?
echo 0 >a/b/cgroup.freeze
sh -c 'echo 0 >a/b/cgroup.procs; kill -STOP $$; echo continued' & p=$!; sleep 0.2; echo 1 >a/b/cgroup.freeze; cat a/b/cgroup.events
grep State /proc/$p/status; kill -CONT $p; sleep 0.2; grep State /proc/$p/status; echo 0 >a/b/cgroup.freeze; wait $p
sh -c 'echo 0 >a/b/cgroup.procs; sleep 100 & sleep 100 & wait' & sleep 0.2; echo 1 >a/cgroup.kill; wait; cat a/cgroup.events a/b/pids.current

echo "== memory"
events() { for group in $*; do echo $group $(grep -E '^(oom|oom_kill|oom_group_kill) ' $group/memory.events); done; }
local_events() { for group in $*; do echo $group $(grep -E '^(oom|oom_kill|oom_group_kill) ' $group/memory.events.local); done; }
echo 16m >a/memory.max
sh -c 'echo 0 >a/b/cgroup.procs; x=12345678; while :; do x=$x$x; done' 2>/dev/null; echo $?
events a a/b; local_events a a/b
test $(grep -o 'max [0-9]*' a/memory.events | grep -o '[0-9]*$') -gt 0 && echo was full
for group in a a/b; do test $(cat $group/memory.peak) -gt 15000000 -a $(cat $group/memory.peak) -le 17825792 && echo a peak; done
mkdir /tmp/m
sh -c 'echo 0 >a/b/cgroup.procs; mount -t tmpfs t /tmp/m; exec dd if=/dev/zero of=/tmp/m/x bs=64k count=1024' 2>/dev/null; echo $?
test $(ls -s /tmp/m/x | grep -o '^ *[0-9]*') -gt 12000 && echo written up to the limit
umount /tmp/m; events a/b; test $(cat a/memory.current) -lt 4000000 && echo given back
mount -t tmpfs t /tmp/m; echo >/tmp/m/x; x=$(cat a/b/memory.current)
sh -c 'echo 0 >a/b/cgroup.procs; exec dd if=/dev/zero of=/tmp/m/x bs=64k count=64 conv=notrunc' 2>/dev/null
test $(($(cat a/b/memory.current) - x)) -gt 3500000 && echo whoever writes pays; umount /tmp/m
sh -c 'echo 0 >a/b/cgroup.procs; exec sleep 100' & p=$!; sleep 0.2; test $(cat a/b/memory.current) -gt 8192 && echo counted
kill $p; wait $p 2>/dev/null
echo 1 >a/memory.oom.group
sh -c 'echo 0 >a/b/cgroup.procs; sleep 100 & (x=12345678; while :; do x=$x$x; done); echo never' 2>/dev/null; echo $?
sleep 0.2; grep oom_group a/memory.events a/b/memory.events; cat a/b/cgroup.procs
echo 0 >a/memory.oom.group; echo max >a/memory.max
sh -c 'echo 0 >a/b/cgroup.procs; x=12345678; while [ ${#x} -lt 4000000 ]; do x=$x$x; done; echo big; sleep 100; echo $x >/dev/null' 2>/dev/null & p=$!
while ! grep -q sleep /proc/*/comm 2>/dev/null; do sleep 0.1; done
sleep 0.2; test $(cat a/memory.current) -gt 4000000 && echo much; echo 2m >a/memory.max; echo $?; cat a/memory.max; wait $p 2>/dev/null; echo $?
echo max >a/memory.max

echo "== cpu"
busy() { sh -c "echo 0 >$1/cgroup.procs; while :; do :; done" & }
used() { grep -o 'usage_usec [0-9]*' $1/cpu.stat | grep -o '[0-9]*$'; }
mkdir a/c; echo 300 >a/c/cpu.weight; x=$(used a/b); y=$(used a/c); busy a/b; busy a/c; sleep 2; echo 1 >a/cgroup.kill; wait
x=$(($(used a/b) - x)); y=$(($(used a/c) - y)); test $((y * 10 / x)) -ge 22 -a $((y * 10 / x)) -le 40 && echo three times as much
echo 100 >a/c/cpu.weight; busy a/b; sleep 1; echo 1 >a/cgroup.kill; wait; busy a/c; sleep 0.3; x=$(used a/b); y=$(used a/c); busy a/b; sleep 1
echo 1 >a/cgroup.kill; wait; x=$(($(used a/b) - x)); y=$(($(used a/c) - y)); test $((y * 10 / x)) -ge 7 -a $((y * 10 / x)) -le 14 && echo the past does not count
echo '20000 100000' >a/b/cpu.max; x=$(used a/b); busy a/b; sleep 2; echo 1 >a/cgroup.kill; wait
x=$(($(used a/b) - x)); test $x -ge 300000 -a $x -le 600000 && echo a fifth
test $(grep -o 'nr_throttled [0-9]*' a/b/cpu.stat | grep -o '[0-9]*$') -ge 10 && echo throttled
test $(grep -o 'nr_periods [0-9]*' a/b/cpu.stat | grep -o '[0-9]*$') -ge 15 && echo in periods
test $(grep -o 'throttled_usec [0-9]*' a/b/cpu.stat | grep -o '[0-9]*$') -ge 800000 && echo and waited
rmdir a/b a/c a; ls -d a
echo '-memory -pids -cpu -cpuset' >cgroup.subtree_control; cat cgroup.subtree_control
echo end
