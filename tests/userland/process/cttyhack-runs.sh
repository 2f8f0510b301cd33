# a program is run whether or not there is a terminal
cttyhack echo run; setsid cttyhack true; echo $?; setsid sh -c ': < /dev/tty' 2>/dev/null; echo $? | grep -c '[1-9]'
