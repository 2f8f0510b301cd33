# columns cut out and put together again
printf 'a:b:c\n1:2:3\n' > f
cut -d: -f2 f; cut -d: -f1,3 f; cut -c1-3 f; cut -b2- f; cut -d, -f2 f; cut -s -d, -f2 f
printf 'x\ny\nz\n' > g
paste f g; paste -d, f g; paste -s g; paste -d'\n' f g
