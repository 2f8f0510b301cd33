# what cannot hold swap space is refused
swapon nothing; echo $?; dd if=/dev/zero of=area bs=1k count=64 2>/dev/null; mkswap area > /dev/null; swapon area; echo $?; swapon .; echo $?; swapoff area; echo $?; wc -l < /proc/swaps
