# permission bits by number and by letter
touch f; for m in 644 600 755 4711 2755 1777 u+x g-w,o= a+r u=rwx,go=rx +x -x g=u o+t u+s; do chmod $m f && stat -c "$m %a %A" f; done; mkdir -p d/e; touch d/e/f; chmod -R 700 d; stat -c %a d d/e d/e/f; chmod 999 f; echo $?; umask 027; touch g; mkdir h; stat -c %a g h; umask; umask -S
