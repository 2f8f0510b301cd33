# a tree of a thousand files
i=0; while [ $i -lt 100 ]; do mkdir -p t/$((i % 10))/$((i / 10)); echo $i > t/$((i % 10))/$((i / 10))/f$i; i=$((i + 1)); done; find t -type f | wc -l; find t -type f | xargs cat | awk '{ s += $1 } END { print s }'; rm -r t; ls
