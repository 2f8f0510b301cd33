# dd copies blocks and counts them
printf 0123456789 > f; dd if=f bs=2 skip=1 count=2 2>/dev/null; echo; dd if=f of=g bs=3 2>&1 | head -2; printf XY | dd of=f bs=1 seek=4 conv=notrunc 2>/dev/null; cat f; echo; dd if=f bs=4 conv=sync 2>/dev/null | od -c; dd if=/dev/zero bs=1M count=3 2>/dev/null | wc -c; dd if=nothing of=x; echo $?; dd if=f iflag=skip_bytes skip=3 2>/dev/null; echo
