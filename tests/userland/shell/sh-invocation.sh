# a shell started in its several ways
ash -c 'echo $0 $1' zero one; echo 'echo from stdin $1' | sh -s arg; sh -ec 'true; false; echo no'; echo $?; sh -xc 'echo traced' 2>&1; sh -nc 'echo not run'; echo $?; sh -vc 'echo v' 2>/dev/null; busybox sh -c 'echo applet'; sh -c 'syntax (error'; echo $?; sh -c 'echo "unterminated'; echo $?; sh -c 'if true'; echo $?; set -- x; sh -c 'echo ${1-none}'
