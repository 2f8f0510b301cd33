# a subshell changes nothing outside
x=1; (x=2; cd /; umask 077; echo $x $PWD); echo $x; umask; cd /tmp 2>/dev/null || cd /; d=$(pwd); (cd /etc; pwd); [ "$(pwd)" = "$d" ] && echo unmoved; cd /etc; cd - > /dev/null; [ "$(pwd)" = "$d" ] && echo back; pwd -P > /dev/null; cd /nothing; echo $?; CDPATH=/ cd etc; pwd
