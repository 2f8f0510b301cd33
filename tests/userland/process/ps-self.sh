# a process finds itself
ps -o pid,comm 2>/dev/null | awk -v p=$$ '$1 == p { print "me:", $2 }'; ps -o comm | head -1; ps | grep -c '[p]s'; ps -o ppid,pid,args | awk -v p=$$ '$1 == p' | wc -l
