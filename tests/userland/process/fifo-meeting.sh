# a FIFO joins two processes
mkfifo p; cat p & echo through > p; wait; (echo 1; echo 2) > p & while read l; do echo got $l; done < p; wait; rm p; mkfifo -m 600 q; stat -c %a q; timeout 0.2 cat q; echo $?
