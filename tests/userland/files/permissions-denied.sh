# another user is held to the permission bits
mkdir priv; echo s > priv/f; chmod 700 priv; echo r > ro; chmod 644 ro; echo x > none; chmod 000 none
su -s /bin/sh nobody -c 'cat priv/f; echo $?; cat ro; echo w > ro; echo $?; cat none; echo $?; ls priv; echo $?; chmod 777 ro; echo $?; chown nobody ro; echo $?; touch /etc/x; echo $?; mknod n c 1 3; echo $?; mkdir /newdir; echo $?; id -u'
cat none
