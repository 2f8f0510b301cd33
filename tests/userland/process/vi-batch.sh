# vi driven by a script of keys
printf 'one\ntwo\nthree\n' > f; printf 'ddp:s/one/ONE/\n:wq\n' > keys; vi -c ':%%s/t/T/g' -c ':wq' f < /dev/null > /dev/null 2>&1; cat f
