# switching off is the end of a pid namespace's first process, by a signal that says how
unshare -p -f sh -c 'halt -f -n; sleep 9; echo alive'; echo $?; unshare -p -f sh -c 'reboot -f -n; sleep 9; echo alive'; echo $?; unshare -p -f sh -c 'sh -c "poweroff -f -n; sleep 9; echo alive"; sleep 9; echo alive'; echo $?; echo here
