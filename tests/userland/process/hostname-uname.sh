# what the system calls itself
uname -s; uname -m; uname -o; uname -p 2>/dev/null | wc -w; uname | wc -c; hostname | wc -l; arch; hostid | wc -c; linux64 uname -m; linux32 uname -m; dnsdomainname | wc -l; nproc | wc -l
