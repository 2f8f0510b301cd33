# repeated lines: counted, only the repeated, only the single
printf 'a\na\nb\nc\nc\nc\n' > f
uniq f; uniq -c f; uniq -d f; uniq -u f; printf 'A\na\n' | uniq -i; printf '1 x\n2 x\n' | uniq -f1; printf 'ax\nay\n' | uniq -w1
