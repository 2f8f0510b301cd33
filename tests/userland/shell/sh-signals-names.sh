# signals by name and number
kill -l | head -3; kill -l 9; kill -l TERM; kill -l 137; kill -0 $$; echo $?; kill -0 999999; echo $?; kill -BAD $$; echo $?; kill 999999; echo $?; killall nosuchprocess; echo $?
