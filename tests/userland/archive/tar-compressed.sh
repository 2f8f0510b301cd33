# archives with each compression, and parts of them
mkdir d; seq 1 2000 > d/n; echo x > d/m
tar czf t.tgz d; tar tzf t.tgz | sort; tar xzf t.tgz -O d/n | md5sum; md5sum < d/n; tar cf - d | gzip -9 | gunzip | tar tf - | sort; tar cf t.tar --exclude=m d 2>/dev/null && tar tf t.tar; tar cf - d | bzip2 | tar xjf - -O d/m; tar xf t.tgz -O d/m; tar czf x.tgz -C d n; tar tzf x.tgz
