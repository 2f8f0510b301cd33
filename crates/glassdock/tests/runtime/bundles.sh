set -e
bundle() {
	mkdir -p "$1/rootfs/bin" "$1/rootfs/proc" "$1/rootfs/dev" "$1/rootfs/sys"
	cp /bin/busybox "$1/rootfs/bin/"
	for name in sh cat echo id pwd tty true sleep test touch kill; do ln -s busybox "$1/rootfs/bin/$name"; done
	"$GLASSDOCK" runtime spec -b "$1"
	sed -i "s/\"args\": .*/\"args\": $2,/; s/\"terminal\": true/\"terminal\": $3/" "$1/config.json"
}
bundle hello '["sh", "-c", "echo out; echo err >\&2; exit 3"]' false
bundle cat '["cat"]' false
bundle missing '["nosuch"]' false
bundle tty '["sh", "-c", "tty; exit 4"]' true
bundle wait '["sh", "-c", "trap \\"exit 7\\" TERM; while :; do sleep 0.05; done"]' false
