# space used
dd if=/dev/zero of=f bs=1k count=10 2>/dev/null; mkdir d; cp f d/g; du -k f; du -s d; du -a d | sort; du -h f; du -c f d/g | tail -1; df -P . | awk 'NR == 1 || NF == 6 { print NF }'; df -T . | awk 'NR == 2 { print $2 }'
