# scheduling parameters
nice -n 5 true 2>/dev/null; ionice -c 3 true; echo $?; renice 5 $$ > /dev/null; echo $?; taskset 1 sh -c 'taskset -p $$' | sed 's/[0-9][0-9]*/N/'; nproc | grep -c '[1-9]'; nohup true 2>/dev/null; chrt -p $$ 2>/dev/null | head -1 | sed 's/[0-9][0-9]*/N/'
