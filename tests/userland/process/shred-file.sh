# contents overwritten before removal
echo secret > f; shred -n 1 f; grep -c secret f; wc -c < f; shred -u f; ls f; echo $?
