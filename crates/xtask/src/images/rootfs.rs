//! The two file trees: the busybox image's, and the simulated host's.

use super::busybox::Busybox;
use super::tree::{Node, Tree};

/// How a program of ours is present in a file system of the simulation: the kernel's
/// second binary format, which names the built-in program to run.
const BUILTINS: [(&str, &str); 5] = [
    ("usr/bin/docker", "docker"),
    ("usr/bin/dockerd", "dockerd"),
    ("usr/bin/socket-activate", "socket-activate"),
    ("usr/libexec/glassdock/runtime", "runtime"),
    ("usr/libexec/glassdock/shim", "shim"),
];

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
";

const GROUP: &str = "\
root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
disk:x:6:
www-data:x:33:
users:x:100:
nogroup:x:65534:
";

const SHADOW: &str = "\
root:*:::::::
daemon:*:::::::
bin:*:::::::
www-data:*:::::::
nobody:*:::::::
";

/// What busybox's `init` starts. A line without a terminal is on the console; `-` makes it the controlling terminal.
const INITTAB: &str = "\
::sysinit:/etc/init.d/rcS
::once:/etc/init.d/warm
::respawn:/etc/init.d/docker
::respawn:-/bin/login -f root
::ctrlaltdel:/sbin/reboot
::shutdown:/etc/init.d/stop
";

/// What is done once, before anything else is started.
const RC: &str = "\
#!/bin/sh
hostname -F /etc/hostname
";

/// The engine: started by its first client, which waits until it is there, with the images that the host came with. One
/// that ended is started again at once.
const DOCKER: &str = "\
#!/bin/sh
exec >>/var/log/dockerd.log 2>&1
[ -e /run/docker.socket ] && exec /usr/bin/dockerd --preload /usr/share/docker
: >/run/docker.socket
exec /usr/bin/socket-activate -l /run/docker.sock \\
    /usr/bin/dockerd -H fd:// --preload /usr/share/docker
";

/// Starts the engine once somebody sits at the console, so that the first command need not wait for it.
const WARM: &str = "\
#!/bin/sh
sleep 0.1
exec docker version >/dev/null 2>&1
";

/// Ends the engine, which stops its containers, before everybody is killed.
const STOP: &str = "\
#!/bin/sh
killall dockerd 2>/dev/null || exit 0
while pidof dockerd >/dev/null; do sleep 0.05; done
";

/// The content of the busybox image: the program, its applets, and the few files that
/// programs expect.
pub fn image(busybox: &Busybox) -> Tree {
    let mut tree = userland(busybox);
    tree.text("etc/passwd", PASSWD);
    tree.text("etc/group", GROUP);
    tree.put("etc/shadow", Node::File(0o640, SHADOW.into()));
    tree
}

/// The simulated host: the same userland with a host's configuration and our programs.
pub fn host(busybox: &Busybox) -> Tree {
    let mut tree = userland(busybox);
    tree.text(
        "etc/passwd",
        &format!("{PASSWD}learner:x:1000:1000:learner:/home/learner:/bin/sh\n"),
    );
    tree.text(
        "etc/group",
        &format!("{GROUP}docker:x:999:\nlearner:x:1000:\n"),
    );
    let shadow = format!("{SHADOW}learner:*:::::::\n");
    tree.put("etc/shadow", Node::File(0o640, shadow.into()));
    tree.text("etc/hostname", "glassdock\n");
    tree.text(
        "etc/hosts",
        "127.0.0.1\tlocalhost\n127.0.1.1\tglassdock\n::1\tlocalhost ip6-localhost\n",
    );
    tree.text("etc/resolv.conf", "");
    tree.text("etc/shells", "/bin/sh\n/bin/ash\n");
    tree.text(
        "etc/os-release",
        "NAME=\"Glassdock\"\nID=glassdock\nPRETTY_NAME=\"Glassdock simulated host\"\n",
    );
    tree.text("etc/inittab", INITTAB);
    for (name, text) in [
        ("rcS", RC),
        ("docker", DOCKER),
        ("warm", WARM),
        ("stop", STOP),
    ] {
        let path = format!("etc/init.d/{name}");
        tree.put(&path, Node::File(0o755, text.into()));
    }
    tree.text(
        "etc/profile",
        "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         export PS1='\\u@\\h:\\w\\$ '\n",
    );
    for folder in [
        "etc/docker",
        "home/learner",
        "mnt",
        "opt",
        "srv",
        "usr/local/bin",
    ] {
        tree.dir(folder, 0o755);
    }
    tree.dir("var/tmp", 0o1777);
    tree.dir("var/lib/docker", 0o710);
    tree.put("var/run", Node::Link("../run".into()));
    for (path, name) in BUILTINS {
        let content = format!("#!glassdock-builtin {name}\n");
        tree.put(path, Node::File(0o755, content.into()));
    }
    tree
}

/// What both trees share.
fn userland(busybox: &Busybox) -> Tree {
    let mut tree = Tree::default();
    for (path, mode) in [
        ("dev", 0o755),
        ("home", 0o755),
        ("proc", 0o555),
        ("root", 0o700),
        ("run", 0o755),
        ("sys", 0o555),
        ("tmp", 0o1777),
        ("var/log", 0o755),
    ] {
        tree.dir(path, mode);
    }
    for applet in &busybox.applets {
        tree.put(applet, Node::Link(link_to_busybox(applet)));
    }
    tree.put("bin/busybox", Node::File(0o755, busybox.elf.clone()));
    let doc = "usr/share/doc/busybox";
    tree.put(
        &format!("{doc}/GPL-2"),
        Node::File(0o644, busybox.licence.clone()),
    );
    tree.put(
        &format!("{doc}/copyright"),
        Node::File(0o644, busybox.copyright.clone()),
    );
    tree.text(&format!("{doc}/SOURCE"), &source_note(busybox));
    tree
}

/// A relative link, so that it also holds where the tree is not the root.
fn link_to_busybox(applet: &str) -> String {
    let above = "../".repeat(applet.matches('/').count());
    match applet.strip_prefix("bin/") {
        Some(_) => "busybox".into(),
        None => format!("{above}bin/busybox"),
    }
}

/// Where the source of the GPL program is.
pub fn source_note(busybox: &Busybox) -> String {
    format!(
        "busybox is free software under the GNU General Public License, version 2 (see GPL-2).\n\
         The program here is /bin/busybox of Debian's package busybox-static, unchanged.\n\
         Its source is Debian's source package `{}`, version `{}`:\n\
         `apt-get source {}={}`, or that version at snapshot.debian.org.\n",
        busybox.source, busybox.version, busybox.source, busybox.version
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_busybox_from_every_depth() {
        assert_eq!(link_to_busybox("bin/ls"), "busybox");
        assert_eq!(link_to_busybox("sbin/init"), "../bin/busybox");
        assert_eq!(link_to_busybox("usr/sbin/chroot"), "../../bin/busybox");
    }
}
