# device nodes and FIFOs
mknod n c 1 3; echo gone > n; cat n; mknod z c 1 5; head -c 4 z | od -c; mknod p p; stat -c '%F %t:%T' n z p; mknod b b 7 0; stat -c '%F %t:%T' b; mknod -m 600 m c 1 7; stat -c %a m; echo x > m; echo $?
