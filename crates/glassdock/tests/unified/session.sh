# In the emulated machine: what control groups of version 2 do for a container.
# A container that goes on would hold a pipe open: output goes through a file.
run() {
	echo "$ $*" | sed 's/glassdock runtime/$R/'
	"$@" >/run/out 2>&1 </dev/null
	code=$?
	sed 's/^time="[^"]*" //' /run/out
	[ $code = 0 ] || echo "-> $code"
}
state() { glassdock runtime state "$1" | grep '"status"'; }
R="glassdock runtime"
run cat /sys/fs/cgroup/cgroup.controllers
run $R run -d -b /limited c1
cd /sys/fs/cgroup/mine/c1
for file in memory.max memory.swap.max pids.max cpu.weight cpu.max io.weight; do echo "$file: $(cat $file)"; done
run $R exec c1 cat /proc/self/cgroup
run $R exec c1 sh -c 'cd /sys/fs/cgroup; cat memory.max; echo 1 > memory.max'
run $R exec c1 sh -c 'i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done'
sleep 6
run $R exec c1 sh -c 'x=1234567890123456; while :; do x=$x$x; done'
run grep oom_kill memory.events
run $R pause c1
run state c1
run grep frozen cgroup.events
run $R exec c1 true
run $R resume c1
run state c1
run $R update --memory 20M --pids-limit 7 --cpu-share 1024 c1
for file in memory.max pids.max cpu.weight; do echo "$file: $(cat $file)"; done
run $R update --cpu-rt-runtime 5 c1
$R events --stats c1 | grep -o '"pids":{[^}]*}'
run $R pause c1
cd /
run $R delete -f c1
run ls -d /sys/fs/cgroup/mine/c1
run $R run -b /plain c2
run $R run -b /v1 c3
