# a file of leases is read without a server
printf '\0\0\0\0\0\0\0\1\0\0\0\100\300\250\0\2\2\0\0\0\0\1host\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' > leases; dumpleases -f leases -r 2>&1 | head -1 | awk '{ print $1, $2 }'; dumpleases -f nothing; echo $?
