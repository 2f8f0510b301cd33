# resource limits shown and set
ulimit -n 64; ulimit -n; ulimit -c; (ulimit -f 1; dd if=/dev/zero of=big bs=1k count=100 2>/dev/null; echo $?; wc -c < big); ulimit -n 65; echo $?; ulimit -t; ulimit -S -n 32; ulimit -H -n; sh -c 'ulimit -n'
