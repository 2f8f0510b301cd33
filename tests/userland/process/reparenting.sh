# an orphan gets the first process of its namespace as its parent
unshare -p -f -m sh -c 'mount -t proc p /proc; sh -c "sleep 1 & echo started"; sleep 0.1; p=$(pidof sleep | tr " " "\n" | head -1); awk "/PPid/ { print \$2 }" /proc/$p/status; kill $p'
