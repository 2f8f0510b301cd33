# a command repeated until its time is out
(timeout 0.3 watch -t -n 0.1 echo tick; true) 2>/dev/null | tr -d '\033' | grep -c tick | grep -c '[1-9]'
