# a new network namespace has a loopback interface, which is down until it is brought up, and has its address from then on
unshare -n sh -c 'ip link show | sed "s/ *\(qlen.*\)*$//"; ip -4 addr show | sed "s/ *\(qlen.*\)*$//"; ifconfig; ifconfig -a; cat /proc/net/dev'
unshare -n sh -c 'ip link set lo up; ip link show lo | sed "s/ *\(qlen.*\)*$//"; ip -4 addr show dev lo | sed "s/ *\(qlen.*\)*$//"; ifconfig | grep -v inet6; ip link set dev lo down; ip link show | sed "s/ *\(qlen.*\)*$//"; ifconfig | grep -v inet6; ifconfig lo | grep -v inet6'
unshare -n sh -c 'ip link show eth0; echo $?; ifconfig eth0; echo $?; ip link set eth0 up; echo $?; ifconfig eth0 up; echo $?; ip route; echo $?'
unshare -n sh -c 'chmod 1777 .; su -s /bin/sh bin -c "ip link set lo up; ifconfig lo up; ip link show lo" 2>&1 | sed "s/ *\(qlen.*\)*$//"'
