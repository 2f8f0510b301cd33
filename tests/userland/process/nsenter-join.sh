# joining the namespaces of a running process
unshare -u -f sh -c 'hostname joined; sleep 3' & sleep 0.3; p=$(pgrep -P $! 2>/dev/null || pidof sleep | awk '{ print $1 }'); for q in $(pidof sleep); do nsenter -t $q -u hostname; done; kill $(pidof sleep) 2>/dev/null; wait 2>/dev/null; readlink /proc/self/ns/uts | sed 's/[0-9][0-9]*/N/'; ls /proc/self/ns | tr '\n' ' '
