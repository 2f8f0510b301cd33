# another user's identity, home and environment
su -s /bin/sh nobody -c 'id -u; id -g; echo $HOME $USER'; su -s /bin/sh daemon -c 'echo $0; kill -0 1; echo $?'; su nosuchuser -c true; echo $?; id daemon; id nosuchuser; echo $?; id -gn; logname < /dev/null; echo $?
