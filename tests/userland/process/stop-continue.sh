# a process is stopped and goes on
sh -c 'i=0; while [ $i -lt 3 ]; do i=$((i + 1)); sleep 0.1; done; echo finished' & p=$!; sleep 0.05; kill -STOP $p; sleep 0.1; awk '{ print $3 }' /proc/$p/stat; kill -CONT $p; wait $p; echo $?
