# a table of jobs is kept
mkdir -p /var/spool/cron/crontabs; echo '1 2 3 4 5 true' > t; crontab t; crontab -l; crontab -r; crontab -l; echo $?
