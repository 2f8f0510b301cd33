# what is not there says so
lsmod 2>/dev/null | head -1 | awk '{ print $1 }'; cat /proc/modules 2>/dev/null | wc -l | grep -c '[0-9]'; swapoff nothing; echo $?; losetup nothing; echo $?; modprobe -n nosuchmodule 2>/dev/null; echo $? | grep -c '[0-9]'
