# an overlay: lower layers below, changes above
mkdir l1 l2 u w m; echo low > l1/f; echo low2 > l2/g; mkdir l1/d; echo x > l1/d/x; mount -t tmpfs t u 2>/dev/null; mkdir -p u/u u/w; mount -t overlay o -o lowerdir=l2:l1,upperdir=u/u,workdir=u/w m || exit 1
ls m; cat m/f; echo new > m/f; cat l1/f u/u/f; rm m/g; ls m; stat -c '%F %t:%T' u/u/g; rm -r m/d; mkdir m/d; ls m/d | wc -l; echo n > m/n; mv m/n m/n2; find u/u | sort; chmod 600 m/f; stat -c %a m/f l1/f; umount m; umount u
