# what is in use cannot be unmounted, unless lazily
mkdir m; mount -t tmpfs t m; (cd m; sleep 0.5) & sleep 0.1; umount m; echo $?; wait; umount m; echo $?; mount -t tmpfs t m; exec 3> m/f; umount m; echo $?; umount -l m; echo $?; ls m | wc -l; echo still >&3; exec 3>&-; mount -t tmpfs a m; mount -t tmpfs b m; touch m/top; umount m; ls m | wc -l; umount m; umount m; echo $?
