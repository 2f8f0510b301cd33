# a host name of its own
h=$(hostname); unshare -u sh -c 'hostname inside; hostname; uname -n'; [ "$(hostname)" = "$h" ] && echo unchanged
