# a tree into an archive and out again
mkdir -p a/b; echo 1 > a/x; echo 22 > a/b/y; ln -s x a/l; ln a/x a/h; chmod 640 a/x; touch -d '2020-02-02 02:02:02' a/x a/b/y a/b a
tar cf t.tar a; tar tf t.tar | sort; mkdir o; tar xf t.tar -C o; find o | sort; stat -c '%a %Y %h' o/a/x; readlink o/a/l; tar xOf t.tar a/b/y; tar cf - a | tar tvf - | awk '{ print $1, $2, $3, $6 }' | sort; tar xf nothing.tar; echo $?; tar cf e.tar a/b; tar tf e.tar | sort; tar --strip-components=1 -xf e.tar; find b; wc -c < e.tar
