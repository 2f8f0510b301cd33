# scripts of a directory in order
mkdir d; for n in 20b 10a 30c; do printf '#!/bin/sh\necho %s $1\n' $n > d/$n; chmod +x d/$n; done; echo x > d/README; run-parts d; run-parts -a arg d; run-parts --test d; printf '#!/bin/sh\nexit 4\n' > d/15x; chmod +x d/15x; run-parts d; echo $?
