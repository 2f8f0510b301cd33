# a waiting parent is told of what its child's waited-for children took
time -f %U sh -c 'sh -c "i=0; while [ \$i -lt 40000 ]; do i=\$((i + 1)); done"; :' 2>&1 | grep -vc '^0.00'
time -f %U sh -c 'sh -c "i=0; while [ \$i -lt 40000 ]; do i=\$((i + 1)); done" & :' 2>&1
