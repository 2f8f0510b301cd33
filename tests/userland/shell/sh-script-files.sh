# interpreters named on the first line
printf '#!/bin/sh\necho sh "$@"\n' > a; printf '#!/bin/awk -f\nBEGIN { print "awk", ARGC }\n' > b; printf '#!/bin/sed -f\ns/x/y/\n' > c; printf '#!/nothing\n' > d; printf '#! /bin/echo one two\n' > e; printf 'echo no first line $1\n' > f; chmod +x a b c d e f; ./a 1 2; ./b q; echo x | ./c; ./d; echo $?; ./e | sed 's/ [^ ]*$//'; ./f z
