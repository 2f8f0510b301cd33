# jobs listed, numbered and waited for
sleep 0.2 & sleep 0.3 & jobs | wc -l; wait %1 2>/dev/null; echo $?; wait; jobs | wc -l; set -m; sleep 0.1 & fg > /dev/null; echo fg $?; (exit 3) & wait $!; echo $?
