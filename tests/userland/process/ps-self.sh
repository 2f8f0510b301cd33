# a process finds itself
ps -o pid,comm 2>/dev/null | awk -v p=$$ '$1 == p { print "me:", $2 }'; ps -o comm | head -1; ps > all; grep -c '[p]s' all; ps -o ppid,pid,args > all; awk -v p=$$ '$1 == p' all | wc -l
