# processes found by name, ended by name
sleep 71 & sleep 72 & sleep 0.1; pidof sleep | wc -w; killall sleep; wait; pidof sleep; echo $?; (exec -a myname sleep 73 2>/dev/null || sleep 73) & sleep 0.1; kill $!; wait; killall -0 nosuch; echo $?
