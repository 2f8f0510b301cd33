# the mask applies to whatever is made
umask 077; touch f; mkdir d; mkfifo p; mknod n c 1 3; echo > g; cp /bin/busybox b; stat -c '%a %n' f d p n g; umask 000; touch z; mkdir y; stat -c '%a %n' z y; umask u=rwx,g=rx,o=; umask; umask 8; echo $?
