#!/bin/sh
# The first process of the emulated machine: moves all that came with the kernel to a file system that can be a root, since the
# first one cannot be left by pivot_root.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
mkdir /new
mount -t tmpfs new /new
for name in /*; do
	case $name in /new | /proc | /sys | /dev) mkdir -p "/new$name" ;; *) cp -a "$name" /new/ ;; esac
done
for name in proc sys dev; do mount --move /$name /new/$name; done
mkdir -p /new/run
mount -t tmpfs run /new/run
exec switch_root /new /bin/sh -c 'echo BEGIN; . /script; echo END; poweroff -f'
