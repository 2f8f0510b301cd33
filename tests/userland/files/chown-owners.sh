# owners and groups, by name and number
touch f; chown 1000 f; stat -c '%u %g' f; chown daemon:bin f; stat -c '%U %G' f; chown :0 f; stat -c '%u %g' f; chgrp 5 f; stat -c %g f; mkdir d; touch d/x; chown -R 7:8 d; stat -c '%u:%g' d d/x; chown nobodyhere f; echo $?; chmod 4755 f; chown 0 f; stat -c %a f; ln -s f l; chown -h 9 l; stat -c %u l f
