# process numbers from 1 again
unshare -p -f -m sh -c 'mount -t proc proc /proc; echo $$; ps -o pid,comm > all; tail -n +2 all | wc -l; sh -c "echo \$PPID"; readlink /proc/self'; unshare -p -f sh -c 'kill -9 $$; kill -TERM 1; echo alive; exit 6'; echo $?
