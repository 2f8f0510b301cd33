# hard and symbolic links
echo data > f; ln f h; ln -s f s; ls -l | awk '{ print $1, $2, $NF }'; stat -c '%h' f; rm f; cat h; cat s; echo $?; ln -sf h s; cat s; ln h s; echo $?; ln -s nowhere dang; readlink dang; readlink -f s; realpath s | sed 's/.*\///'; mkdir d; ln -s ../h d/l; cat d/l; link h h2; stat -c %h h; ln -s loop1 loop2; ln -s loop2 loop1; cat loop1; echo $?
