# a Debian package made by hand is listed and unpacked
mkdir -p c r/usr; printf 'Package: toy\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: toy\n' > c/control; echo hi > r/usr/f
tar czf control.tar.gz -C c ./control; tar czf data.tar.gz -C r ./usr; echo 2.0 > debian-binary
printf '!<arch>\n' > t.deb; for m in debian-binary control.tar.gz data.tar.gz; do s=$(wc -c < $m); printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' $m 0 0 0 100644 $s >> t.deb; cat $m >> t.deb; [ $((s % 2)) = 0 ] || echo >> t.deb; done
dpkg-deb -f t.deb | head -3; dpkg-deb -c t.deb | awk '{ print $1, $NF }'; mkdir o; dpkg-deb -x t.deb o; cat o/usr/f; rpm -qp nothing 2>&1 | head -1; echo junk > j; rpm2cpio < j 2>&1 | head -1; dpkg -l | head -1
