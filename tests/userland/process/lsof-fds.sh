# descriptors of a process
exec 5> held; ls -l /proc/$$/fd | grep -c held; lsof 2>/dev/null | grep -c "^$$.*held"; exec 5>&-; ls -l /proc/$$/fd | grep -c held; fuser held 2>/dev/null | wc -w
