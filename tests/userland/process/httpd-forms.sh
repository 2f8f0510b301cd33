# the web server's helpers for scripts need no network
httpd -d 'a%20b+c%2Fd'; echo; httpd -e 'a b<c>&"d"'; echo; httpd -d 'x%zz'; echo; httpd -d '%41%42%43'; echo; httpd -m '' 2>/dev/null | cut -c1-3
