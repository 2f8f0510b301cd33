# a time limit on a program
timeout 0.2 sleep 5; echo $?; timeout 5 true; echo $?; timeout -s KILL 0.2 sleep 5; echo $?; timeout 1 sh -c 'exit 3'; echo $?; usleep 1000; sleep 0.05; sleep 0; echo slept
