# the kernel's log can be asked for
dmesg > log; echo $?; dmesg -s 100 > log; echo $?; dmesg -n 99; echo $?
