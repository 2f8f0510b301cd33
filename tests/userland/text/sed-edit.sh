# sed's commands: substitute, delete, append, ranges, hold space, branches
printf 'one\ntwo\nthree\nfour\n' > f
sed 's/o/0/g; 2d' f
sed -n '/two/,/three/p; $=' f
sed '1!G;h;$!d' f
sed -e '/two/a\' -e 'after two' -e '1i\' -e 'before one' -e '3c\' -e 'changed' f
sed -E 's/(t)(.)/\2\1/; y/abc/xyz/' f
sed ':a;N;$!ba;s/\n/,/g' f
sed -i.bak 's/one/ONE/' f; cat f f.bak
sed -n 's/t\(h\)/[\1]/pw out' f; cat out
