# inside and outside numbers of the same process
unshare -p -f -m sh -c 'mount -t proc p /proc; sleep 5 & cat /proc/2/comm 2>/dev/null || ls -d /proc/[0-9]* > list; wc -l < list; awk "/NSpid/ { print NF }" /proc/self/status; kill %1'; grep -c NSpid /proc/self/status
