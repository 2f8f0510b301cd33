set -e
bundle() {
	mkdir -p "$1/rootfs/bin" "$1/rootfs/proc" "$1/rootfs/dev" "$1/rootfs/sys"
	cp /bin/busybox "$1/rootfs/bin/"
	for name in sh cat echo id pwd tty true sleep test touch kill grep mknod dd; do ln -s busybox "$1/rootfs/bin/$name"; done
	"$GLASSDOCK" runtime spec -b "$1"
	sed -i "s|\"args\": .*|\"args\": $2,|; s/\"terminal\": true/\"terminal\": $3/" "$1/config.json"
	sed -i "s|\"linux\": {|\"linux\": {\"cgroupsPath\": \"/$G-$1\",|" "$1/config.json"
}
bundle hello '["sh", "-c", "echo out; echo err >\&2; exit 3"]' false
bundle cat '["cat"]' false
bundle missing '["nosuch"]' false
bundle tty '["sh", "-c", "tty; exit 4"]' true
bundle wait '["sh", "-c", "trap \\"exit 7\\" TERM; while :; do sleep 0.05; done"]' false
limits='"memory": {"limit": 33554432, "swap": 33554432}, "pids": {"limit": 50}, "cpu": {"shares": 77}'
devices='"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "access": "rwm"}]'
linux="\"linux\": {\"resources\": {$limits, $devices},"
limited() {
	bundle "$1" "$2" false
	sed -i "s|\"linux\": {|$linux|; s/\"CAP_KILL\"/\"CAP_KILL\", \"CAP_MKNOD\"/" "$1/config.json"
}
limited limited '["sleep", "100"]'
limited forks '["sh", "-c", "i=0; while [ $i -lt 60 ]; do sleep 5 \& i=$((i+1)); done"]'
limited eats '["sh", "-c", "x=1234567890123456; while :; do x=$x$x; done"]'
limited nodes '["sh", "-c", "mknod /dev/sda b 8 0 \&\& mknod /dev/nil c 1 3 \&\& dd if=/dev/nil of=/dev/zero; dd if=/dev/sda of=/dev/null"]'
# Root in there is an ordinary user here.
users() {
	bundle "$1" "$2" false
	map='[{"containerID": 0, "hostID": 200000, "size": 65536}]'
	sed -i "s|\"linux\": {|\"linux\": {\"uidMappings\": $map, \"gidMappings\": $map,|; s|\"namespaces\": \[|\"namespaces\": [{\"type\": \"user\"},|" "$1/config.json"
	sed -i "s/\"readonly\": true/\"readonly\": false/" "$1/config.json"
	chown -R 200000:200000 "$1/rootfs"
}
users mapped '["sh", "-c", "id -u; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; touch /mine; echo > /dev/null; grep CapBnd /proc/self/status; cat /secret"]'
users stays '["sleep", "100"]'
echo secret > mapped/rootfs/secret
chmod 600 mapped/rootfs/secret
# Each hook notes what it sees, and fails where its moment is in the file `fail`; the one in the container does so there.
cat > hook <<'SCRIPT'
state=$(cat)
word() { echo "$state" | sed "s/.*\"$1\":\"\?\([a-z0-9/]*\).*/\1/"; }
[ "$1" = poststart ] || echo "$1 $(word status) in $(basename "$PWD"), K=$K, root: $(test -e /proc/$(word pid)/root && echo there), mapped: $(test -e "$2/hook" && echo host)" >> "$2/seen"
grep -q "$1" "$2/fail" || exit 0
echo told; echo error >&2
exit 3
SCRIPT
bundle hooked '["cat", "/seen"]' false
hook() { echo "\"$1\": [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"$PWD/hook\", \"$1\", \"$PWD\"], \"env\": [\"K=$1\", \"PATH=/bin:/usr/bin\"], \"timeout\": 5}]"; }
inside='"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "{ pwd; cat; echo; } > /seen; test ! -e /fail"], "env": ["PATH=/bin"]}]'
hooks="$(hook prestart), $(hook createRuntime), $(hook createContainer), $inside, $(hook poststart), $(hook poststop)"
sed -i "s|\"linux\": {|\"hooks\": {$hooks}, \"linux\": {|; s/\"readonly\": true/\"readonly\": false/" hooked/config.json
: > fail
