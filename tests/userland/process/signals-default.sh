# what each signal does to a process that does nothing about it
for s in HUP INT QUIT ILL ABRT FPE USR1 SEGV USR2 ALRM TERM BUS SYS TRAP XCPU VTALRM PROF IO PWR STKFLT CHLD URG WINCH CONT; do sh -c "kill -$s \$\$; echo alive" > out 2>/dev/null; echo "$s $? $(cat out)"; done
