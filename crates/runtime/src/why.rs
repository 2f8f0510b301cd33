//! Why each step is there: keys, and their English texts. The interface has the other languages.

macro_rules! whys {
    ($($name:ident = $key:literal: $text:literal;)*) => {
        $(pub(crate) const $name: &str = $key;)*
        /// Every reason that a plan can give: key and English text, in which `{0}`, `{1}` stand for its arguments.
        pub const WHYS: &[(&str, &str)] = &[$(($key, $text),)*];
    };
}

whys! {
    CLONE = "why.clone": "Make the container's first process, in namespaces of its own: {0}.";
    CLONE_EXEC = "why.clone-exec": "Make the process that will run in the container; it is born in the container's pid namespace.";
    CGROUP_MAKE = "why.cgroup-make": "Make the control group {0}: what the container may use is counted and limited there.";
    CGROUP_CPUSET = "why.cgroup-cpuset": "A new group has no processors yet. Set {0} to {1}, as in the group above.";
    CGROUP_HAND_DOWN = "why.cgroup-hand-down": "Let the groups below {1} have the controllers {0}.";
    CGROUP_OPEN = "why.cgroup-open": "Open the way into {0}, while it is still known who asks.";
    CGROUP_ENTER = "why.cgroup-enter": "Enter {0}: from here on everything counts.";
    CGROUP_NAMESPACE = "why.cgroup-namespace": "Take a view of the control groups that begins at the container's own.";
    CGROUP_LIMIT = "why.cgroup-limit": "Set {0} to {1}.";
    CGROUP_REMOVE = "why.cgroup-remove": "Something failed: remove the control group {0}.";
    JOIN_OPEN = "why.join-open": "Open the {0} namespace that the container is to share.";
    JOIN = "why.join": "Enter the {0} namespace that the container shares.";
    TARGET_OPEN = "why.target-open": "Take hold of the container's process, so that its id cannot come to mean another one.";
    TARGET_PID = "why.target-pid": "Let the next child be born in the container's pid namespace.";
    TARGET_ENTER = "why.target-enter": "Enter the container's other namespaces.";
    KILL_CHILD = "why.kill-child": "Something failed: end the half-made process; its namespaces and mounts go with it.";
    REAP_CHILD = "why.reap-child": "Take the ended process's status, so that nothing is left of it.";
    SESSION = "why.session": "Begin a session of its own, away from the terminal of whoever asked.";
    CLOSE_ON_EXEC = "why.close-on-exec": "Mark every other open file to be closed when the program starts: nothing of the host may leak in.";
    OOM_OPEN = "why.oom-open": "Open the file that tells how eagerly the process is killed when memory runs out.";
    OOM_WRITE = "why.oom-write": "Set that to {0}.";
    CLOSE = "why.close": "This file is no longer needed.";
    LOOPBACK_SOCKET = "why.loopback-socket": "Open a netlink socket, through which the kernel's network is configured.";
    LOOPBACK_UP = "why.loopback-up": "Bring the loopback interface up: a new network namespace has it, but down.";
    LOOPBACK_ACK = "why.loopback-ack": "Read the kernel's answer.";
    UMASK_NONE = "why.umask-none": "Take no permission bits away from what is made now.";
    PROPAGATION_ROOT = "why.propagation-root": "Keep what is mounted from now on from showing up on the host.";
    ROOT_BIND = "why.root-bind": "Make the root a mount of its own: only a mount can become the new root.";
    ROOT_OPEN = "why.root-open": "Hold the new root open: every path in the container is looked up below it.";
    OPEN_HOST = "why.open-host": "Open {0} on the host.";
    OPEN_INSIDE = "why.open-inside": "Find {0} in the container without letting a link lead out of it.";
    MAKE_MOUNTPOINT = "why.make-mountpoint": "{0} is missing in the image: make it.";
    BIND = "why.bind": "Show {0} of the host at {1} in the container.";
    BIND_FLAGS = "why.bind-flags": "Give the mount at {0} its own flags: a bind mount takes them only when it is remounted.";
    PROPAGATION = "why.propagation": "Set how mounts below {0} spread: {1}.";
    MOUNT_PROC = "why.mount-proc": "Mount a view of the processes at {1}; in the new pid namespace it shows only the container's.";
    MOUNT_SYSFS = "why.mount-sysfs": "Mount the kernel's view of its devices at {1}.";
    MOUNT_TMPFS = "why.mount-tmpfs": "Mount an empty file system in memory at {1}.";
    MOUNT_DEVPTS = "why.mount-devpts": "Mount a set of pseudo-terminals of the container's own at {1}.";
    MOUNT_MQUEUE = "why.mount-mqueue": "Mount the message queues of the container's ipc namespace at {1}.";
    MOUNT_CGROUP = "why.mount-cgroup": "Show the container its control group {0} at {1}.";
    MOUNT = "why.mount": "Mount a file system of type {0} at {1}.";
    READONLY_LATE = "why.readonly-late": "Everything in {0} is made: it becomes read-only.";
    DEVICE = "why.device": "Make the device {0}.";
    DEVICE_OWNER = "why.device-owner": "Give {0} its owner.";
    BIND_DEVICE = "why.bind-device": "Making a device is not permitted here: show the host's {0} instead.";
    DEV_LINK = "why.dev-link": "Make the link {0} to {1}, which programs expect.";
    DEV_PTMX_OLD = "why.dev-ptmx-old": "Remove a terminal multiplexer that the image brought along.";
    TTY_OPEN = "why.tty-open": "Open a new pseudo-terminal in the container's own set.";
    TTY_UNLOCK = "why.tty-unlock": "Unlock it.";
    TTY_PEER = "why.tty-peer": "Open the end that the program will see.";
    TTY_SIZE = "why.tty-size": "Give it its size.";
    TTY_SEND = "why.tty-send": "Hand the other end to the shim, which reads and writes it from outside.";
    TTY_STDIO = "why.tty-stdio": "The terminal becomes the program's standard stream {0}.";
    TTY_CONTROL = "why.tty-control": "It becomes the session's controlling terminal, so that Ctrl-C and job control work.";
    CONSOLE = "why.console": "Show the terminal as /dev/console.";
    SYSCTL_WRITE = "why.sysctl-write": "Set the kernel parameter {0}, which the namespace has for itself.";
    READONLY_BIND = "why.readonly-bind": "Make {0} a mount of its own, so that it can have flags of its own.";
    READONLY_FLAGS = "why.readonly-flags": "Make {0} read-only: the container must not change the host through it.";
    MASK_FILE = "why.mask-file": "Hide {0}: nothing can be read there any more.";
    MASK_DIRECTORY = "why.mask-directory": "{0} is a directory: hide it under an empty one.";
    OLD_ROOT = "why.old-root": "Hold the old root open, to leave it in an orderly way.";
    ENTER_ROOT = "why.enter-root": "Step into the new root.";
    PIVOT = "why.pivot": "Make it the root; the old one is stacked on top of it for a moment.";
    ENTER_OLD_ROOT = "why.enter-old-root": "Step onto the old root once more, to take it away.";
    OLD_ROOT_SLAVE = "why.old-root-slave": "Keep its unmounting from spreading to the host.";
    OLD_ROOT_DETACH = "why.old-root-detach": "Unmount the old root: from here on the host's files cannot be named.";
    ROOT_DIRECTORY = "why.root-directory": "Stand at the top of the new root.";
    ROOT_PROPAGATION = "why.root-propagation": "Set how mounts in the container spread: {0}.";
    ROOT_READONLY = "why.root-readonly": "Make the root read-only.";
    HOSTNAME = "why.hostname": "Set the host name {0}, in the container's uts namespace only.";
    DOMAINNAME = "why.domainname": "Set the domain name {0}, in the container's uts namespace only.";
    NO_NEW_PRIVS = "why.no-new-privs": "From here on no program can gain privileges, not even by set-user-id.";
    UMASK = "why.umask": "Set the mask of permission bits that new files never get.";
    RLIMIT = "why.rlimit": "Set the limit {0}.";
    BOUNDING_DROP = "why.bounding-drop": "Give up {0} for good: no program in the container can get it back.";
    STDIO_OWNER = "why.stdio-owner": "Give the standard stream {0} to the user, who could not open it again otherwise.";
    CHDIR = "why.chdir": "Go to the working directory {0}.";
    CHDIR_USER = "why.chdir-user": "Go to the working directory {0}, as the user this time.";
    CWD_CHECK = "why.cwd-check": "Make sure that the working directory is inside the container.";
    KEEP_CAPS = "why.keep-caps": "Keep capabilities across the change of user.";
    GROUPS = "why.groups": "Set the supplementary groups.";
    GID = "why.gid": "Become group {0}.";
    UID = "why.uid": "Become user {0}.";
    KEEP_CAPS_END = "why.keep-caps-end": "The user is changed: capabilities follow the usual rules again.";
    CAPSET = "why.capset": "Keep only the capabilities that the container is given.";
    AMBIENT_CLEAR = "why.ambient-clear": "Empty the ambient capabilities.";
    AMBIENT_RAISE = "why.ambient-raise": "Let {0} survive the start of unprivileged programs.";
    SECCOMP = "why.seccomp": "Let the kernel look at every system call from here on, by {0} instructions that are given to it.";
    FIND = "why.find": "Find the program {0}.";
    AWAIT_START = "why.await-start": "The container is created. Wait until it is started.";
    START_CLOSE = "why.start-close": "It is started.";
    EXEC = "why.exec": "Run the program.";
}
