# children end; the parent asks how
sh -c 'sh -c "exit 5" & wait $!; echo $?'; sh -c 'sleep 0.1 & p=$!; sleep 0.3; awk "{ print \$3 }" /proc/$p/stat; wait $p; ls -d /proc/$p 2>/dev/null || echo reaped'; (sleep 0.2 &) ; sleep 0.4; echo orphan gone
