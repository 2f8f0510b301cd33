# a file system with room for ten pages and five files
mkdir m; mount -t tmpfs -o size=40k,nr_inodes=5 t m; for i in 1 2 3 4 5; do touch m/$i; echo $?; done; rm m/*; dd if=/dev/zero of=m/f bs=4k count=11 2>/dev/null; echo $?; stat -c '%s %b' m/f; rm m/f; df -k m | tail -1 | awk '{ print $2, $3 }'; df -i m | tail -1 | awk '{ print $2, $3 }'; umount m
