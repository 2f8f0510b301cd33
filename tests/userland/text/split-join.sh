# large files in pieces: dd, head, cat
seq 1 1000 > f
dd if=f of=p1 bs=1000 count=2 2>/dev/null; dd if=f of=p2 bs=1000 skip=2 2>/dev/null; cat p1 p2 | cmp - f && echo joined; wc -c p1 p2
