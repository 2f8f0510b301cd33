# a daemon that finds nothing to do is ended
mkdir -p /var/spool/cron/crontabs; timeout 0.3 crond -f -d 8 2> log; echo $?; ls log
