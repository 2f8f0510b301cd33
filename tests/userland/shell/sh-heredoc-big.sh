# a long here-document reaches its reader
{ echo 'cat <<E | md5sum'; seq 1 20000; echo E; } > s; sh s; seq 1 20000 | md5sum
