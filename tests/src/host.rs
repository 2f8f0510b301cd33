//! Running busybox scripts on the host's kernel, in surroundings of their own. Needs root.

use crate::userland::{Outcome, Script};
use anyhow::{Context, Result, ensure};
use std::process::{Command, Stdio};

/// Seconds that a script may take.
const SECONDS_MAX: &str = "30";

/// Prepares the root directory that `tests/userland/README.md` describes and runs `$SCRIPT` in it. The first process of
/// the new pid namespace is the shell that ends up running the script, as in the simulation.
const SURROUNDINGS: &str = r#"
set -e
R=$(mktemp -d)
mount -t tmpfs -o mode=755 root "$R"
cd "$R"
mkdir -p bin sbin etc dev proc sys tmp/work root usr/bin usr/sbin var/log run
chmod 1777 tmp
ln -s /run var/run
cp "$BUSYBOX" bin/busybox
for applet in $("$BUSYBOX" --list); do [ "$applet" = busybox ] || ln -s busybox "bin/$applet"; done
printf '%s' "$PASSWD" > etc/passwd
printf '%s' "$GROUP" > etc/group
echo box > etc/hostname
hostname box
mount -t proc proc proc
for node in null zero full random urandom tty; do : > dev/$node; mount --bind /dev/$node dev/$node; done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
printf '%s' "$SCRIPT" > script
exec env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=linux \
    chroot "$R" /bin/sh -c 'cd /tmp/work; exec sh /script' 2>&1
"#;

/// Runs a script on the host.
///
/// # Errors
/// Without root, or where the surroundings cannot be made.
pub fn run(script: &Script) -> Result<Outcome> {
    ensure!(
        is_root(),
        "the host's side of the comparison needs root: run the tests as root"
    );
    let output = Command::new("timeout")
        .args([
            SECONDS_MAX,
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--uts",
            "--ipc",
        ])
        .args(["/bin/bash", "-c", SURROUNDINGS])
        .env("BUSYBOX", crate::userland::busybox())
        .env("PASSWD", crate::userland::PASSWD)
        .env("GROUP", crate::userland::GROUP)
        .env("SCRIPT", &script.text)
        .stdin(Stdio::null())
        .output()
        .context("running unshare")?;
    let status = output
        .status
        .code()
        .context("the script's surroundings were killed")?;
    ensure!(
        status != 124,
        "{} took more than {SECONDS_MAX} s on the host",
        script.name
    );
    Ok(Outcome {
        output: output.stdout,
        status,
    })
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0")))
}
