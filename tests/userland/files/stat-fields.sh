# what an inode says
umask 022; printf hello > f; chmod 4755 f; touch -d '2010-10-10 10:10:10' f
stat -c '%n %s %b %a %A %F %h %u %g %U %G %Y %x' f | sed 's/ [0-9]*$//'; stat -c '%y' f; mkdir d; stat -c '%a %F' d; mkfifo p; stat -c '%F' p; ln -s f l; stat -c '%N %F' l; stat -L -c %F l; stat -c '%t %T %F' /dev/null /dev/zero; stat -f -c '%T %l' . ; stat nothing; echo $?
