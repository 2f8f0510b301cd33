# what needs hardware or a network says so and fails
watchdog nothing; echo $?; blkdiscard nothing; echo $?; hwclock -f nothing 2>/dev/null; echo $?; fsfreeze --freeze nothing; echo $?; fstrim nothing; echo $?; partprobe nothing; echo $?; blockdev --getsz nothing; echo $?; freeramdisk nothing; echo $?; findfs LABEL=nothing; echo $?; rdate nothing 2>/dev/null; echo $? | grep -c '[1-9]'
