# jobs in the background are waited for
(sleep 0.1; echo later) & echo now; wait; echo done; (exit 7) & wait $!; echo $?; sleep 5 & p=$!; kill $p; wait $p; echo $?; for i in 3 1 2; do (sleep 0.$i; echo $i) & done; wait; true & wait; echo $?; wait 99999; echo $?
