# a user's processes are counted, those that ended and were not waited for among them
su -s /bin/sh bin -c 'ulimit -u 4; sleep .3 & sleep .3 & sleep .3 & sleep .3 & echo "not here"'; echo $?
su -s /bin/sh bin -c 'ulimit -u 4; sh -c "exec sleep 1" & (exec sh -c "true & exec sleep .5") & usleep 200000; sleep 0; echo "not here"'; echo $?
# root is exempt
ulimit -u 1; true; (true); echo $?
test $(cat /proc/sys/kernel/threads-max) -gt 40; echo $?
