# bytes in every notation
printf 'Hello, \001\377world\n' > f
od f; od -c f; od -x f; od -An -tx1 f; od -b f; od -j 7 -N 4 -c f; hexdump f; hexdump -C f; hd f 2>/dev/null; xxd f; xxd -p f; xxd -p f | xxd -r -p | cmp - f && echo same
