# readable strings in binary files
printf '\001\002hello world\000\377abc\000longer text here\n' > f
strings f; strings -n 12 f; strings -o f; strings /bin/busybox | grep -c '^BusyBox v'
