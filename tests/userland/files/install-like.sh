# a program installed with its mode, by cp and chmod
printf '#!/bin/sh\necho "I am $0 with $# args: $*"\n' > prog; chmod 755 prog; ./prog a 'b c'; mkdir bin; mv prog bin/; PATH=$PWD/bin:$PATH prog x; which prog >/dev/null || PATH=$PWD/bin:$PATH which prog | sed 's/.*\///'
