# temporary files and directories
f=$(mktemp); test -f "$f" && echo file; stat -c %a "$f"; d=$(mktemp -d); test -d "$d" && stat -c %a "$d"; mktemp ./x.XXXXXX | wc -c; mktemp -u ./y.XXXXXX | wc -c; ls y.* 2>/dev/null; mktemp bad; echo $?
