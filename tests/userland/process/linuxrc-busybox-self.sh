# busybox says what it can do
busybox | head -1 | cut -d' ' -f1; busybox --list | wc -l; busybox nosuchapplet; echo $?; busybox --list-full | head -2; busybox true; echo $?; busybox cat --help 2>&1 | tail -n +3 | head -1; ls --help 2>&1 | wc -l
