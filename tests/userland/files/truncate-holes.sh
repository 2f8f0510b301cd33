# files cut and stretched; holes take no blocks
truncate -s 100 f; stat -c %s f; truncate -s 10K f; stat -c '%s %b' f; printf abc > g; truncate -s 1 g; cat g; echo; truncate -s 5 g; od -c g; dd if=/dev/zero of=h bs=1 count=1 seek=99999 2>/dev/null; stat -c '%s %b' h; fallocate -l 8192 k; stat -c '%s %b' k
