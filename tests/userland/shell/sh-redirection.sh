# descriptors opened, duplicated, closed
echo a > f; echo b >> f; cat < f; exec 3> g; echo three >&3; exec 3>&-; cat g; { echo out; echo err >&2; } > o 2> e; cat o e; echo x 2>&1 | cat; ls nothing 2> err; wc -l < err; cat <<E | tr a-z A-Z
here
E
set -C; echo y > f; echo $?; echo z >| f; cat f; : > f; wc -c < f; cat 0< /dev/null; echo to-null > /dev/null; (exec 4< f; cat <&4); echo bad >&9; echo $?; read a b < /etc/passwd; echo ${a%%:*}
