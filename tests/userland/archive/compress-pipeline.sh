# two hundred thousand bytes through each compressor
awk 'BEGIN { for (i = 0; i < 9000; i++) printf "%d:%d\n", i, (i * 7919) % 1013 }' > f; wc -c < f; gzip < f | gunzip | sha256sum; bzip2 < f | bunzip2 | sha256sum; sha256sum < f; lzop < f 2>/dev/null | lzop -d 2>/dev/null | sha256sum
