# another root directory
mkdir -p r/bin r/proc; cp /bin/busybox r/bin/; chroot r /bin/busybox ls / ; chroot r /bin/busybox sh -c 'pwd; echo $0; cd ..; pwd; /bin/busybox ls /etc; echo $?'; chroot nothing ls; echo $?; chroot r /nothing; echo $?
