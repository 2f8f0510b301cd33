# directory listings in every form
mkdir d; printf abc > f; printf '#!/bin/sh\n' > x; chmod 755 x; ln -s f l; mkfifo p; touch .hidden; touch -d '2001-02-03 04:05:00' f x d p .hidden .; touch -h -d '2001-02-03 04:05:00' l
ls; ls -a; ls -A; ls -F; ls -p; ls -1 -r; ls -l f x p | sed 's/  */ /g'; ls -n f | sed 's/  */ /g'; ls -d d; ls -S | head -1; ls -C -w 20; ls -x -w 20; ls -m 2>/dev/null; ls -R; ls -t | wc -l; ls nothing; echo $?; ls -lh f | awk '{ print $5 }'; ls -e f 2>/dev/null | sed 's/  */ /g'; ls --full-time f | sed 's/  */ /g'; ls -Q
