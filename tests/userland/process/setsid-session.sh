# a session of its own
setsid sh -c 'echo $(awk "{ print \$5 == \$1, \$6 == \$1 }" /proc/self/stat)' | grep -c 0; sh -c 'awk "{ print \$7 }" /proc/self/stat'; setsid -c true 2>/dev/null; echo ok
