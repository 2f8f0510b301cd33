# settings of the kernel
sysctl -n kernel.ostype; sysctl kernel.nosuch; echo $?; unshare -u sh -c 'sysctl -w kernel.hostname=set; hostname'; cat /proc/sys/kernel/cap_last_cap | grep -c '[0-9]'
