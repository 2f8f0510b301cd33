# as many descriptors as the limit allows
ulimit -n 20; sh -c 'for i in 3 4 5 6 7 8 9; do eval "exec $i> f$i"; done; echo opened; ls f* | wc -l; echo nine >&9; cat f9'; sh -c 'ulimit -n 5; cat f9 f9; echo $?'
