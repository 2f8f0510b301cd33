# a user's processes are counted, those that ended and were not waited for among them
su -s /bin/sh bin -c 'ulimit -p 4; sleep .3 & sleep .3 & sleep .3 & sleep .3 & echo "not here"'; echo $?
su -s /bin/sh bin -c 'ulimit -p 3; trap "" CHLD; true & true & usleep 200000; ps -o stat,comm | grep -c Z; true; echo $?'; echo $?
# root is exempt
ulimit -p 1; true; echo $?
test $(cat /proc/sys/kernel/threads-max) -ge $((2 * $(su -s /bin/sh bin -c 'ulimit -p'))); echo $?
