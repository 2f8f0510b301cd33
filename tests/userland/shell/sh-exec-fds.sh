# descriptors inherited and closed on the way
exec 7> f; sh -c 'echo inherited >&7'; cat f; sh -c 'echo x >&7' 7>&-; echo $?; exec 7>&-; { echo a; sh -c 'cat' ; echo b; } < /etc/hostname; sh -c 'exec 3<&0; cat <&3' < /etc/hostname; ls -1 /proc/self/fd | wc -l
