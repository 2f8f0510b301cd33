# common lines by sort, uniq and grep
printf '1\n2\n3\n' > a; printf '2\n3\n4\n' > b
sort a b | uniq -d; grep -vxFf a b; grep -xFf a b
