# a daemon started, found and stopped
start-stop-daemon -S -b -m -p pidfile -x /bin/sleep -- 100; sleep 0.2; kill -0 $(cat pidfile) && echo runs; start-stop-daemon -S -p pidfile -x /bin/sleep -- 100; start-stop-daemon -K -p pidfile; sleep 0.2; kill -0 $(cat pidfile) 2>/dev/null || echo stopped; start-stop-daemon -K -p pidfile; echo $?
