//! An emulated machine whose Linux has control groups of version 2 alone: a kernel of Debian's in qemu, with busybox and the
//! programs that a test brings. `cargo xtask setup` has what it needs.

use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const BUSYBOX: &str = "/bin/busybox";
const INIT: &str = include_str!("emulated/init.sh");
/// Directories that its root has.
const DIRS: [&str; 7] = ["bin", "proc", "sys", "dev", "tmp", "var/tmp", "root"];
/// Busybox's programs that it has.
const APPLETS: [&str; 21] = [
    "sh",
    "cat",
    "mount",
    "mkdir",
    "cp",
    "switch_root",
    "sed",
    "grep",
    "sleep",
    "ls",
    "poweroff",
    "echo",
    "true",
    "head",
    "cut",
    "dd",
    "mknod",
    "id",
    "rmdir",
    "stat",
    "umount",
];

/// The kernel, where set-up puts it.
fn kernel() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("GLASSDOCK_CACHE").map(PathBuf::from).or_else(|| {
        let home = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
        Some(home?.join("glassdock"))
    });
    let kernel = cache?.join("linux/vmlinuz");
    kernel.exists().then_some(kernel)
}

/// Whether such a machine can be run here.
///
/// # Errors
/// What is missing.
pub fn possible() -> Result<()> {
    ensure!(Path::new(BUSYBOX).exists(), "it needs busybox-static");
    let qemu = Command::new("qemu-system-x86_64").arg("--version").output();
    ensure!(qemu.is_ok(), "it needs qemu-system-x86");
    ensure!(kernel().is_some(), "it needs a kernel: cargo xtask setup");
    Ok(())
}

/// Puts busybox with its programs into a directory.
///
/// # Errors
/// The file system's.
pub fn programs(bin: &Path) -> Result<()> {
    fs::create_dir_all(bin)?;
    fs::copy(BUSYBOX, bin.join("busybox"))?;
    for applet in APPLETS {
        symlink("busybox", bin.join(applet))?;
    }
    Ok(())
}

/// A machine that is about to run: its root, which is removed at the end.
pub struct Machine {
    place: PathBuf,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place);
    }
}

impl Machine {
    /// One with busybox alone, in a new directory.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(place: PathBuf) -> Result<Machine> {
        let _ = fs::remove_dir_all(&place);
        let machine = Machine { place };
        for dir in DIRS {
            fs::create_dir_all(machine.root().join(dir))?;
        }
        programs(&machine.root().join("bin"))?;
        Ok(machine)
    }

    /// The directory that becomes its root.
    pub fn root(&self) -> PathBuf {
        self.place.join("root")
    }

    /// Adds a program of this machine to its `/bin`, without what only debuggers read, and the libraries that it asks for.
    ///
    /// # Errors
    /// A program that is not there.
    pub fn add(&self, program: &Path, name: &str) -> Result<()> {
        let place = self.root().join("bin").join(name);
        let mut strip = Command::new("strip");
        let stripped = strip.arg("-o").arg(&place).arg(program).status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(program, &place).with_context(|| program.display().to_string())?;
        }
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755))?;
        let told = Command::new("ldd").arg(program).output()?;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let paths = told.split_whitespace().filter(|word| word.starts_with('/'));
        for path in paths {
            let place = self.root().join(path.trim_start_matches('/'));
            fs::create_dir_all(place.parent().context("a library's directory")?)?;
            fs::copy(path, place).with_context(|| path.to_owned())?;
        }
        Ok(())
    }

    /// Boots it, runs a script as its first process, with control groups mounted at `/sys/fs/cgroup`, and switches it off;
    /// what its console showed between `BEGIN` and `END`, without what the kernel says in between. `seconds` is how long it
    /// may take.
    ///
    /// # Errors
    /// Where it comes to no end, with all that it showed.
    pub fn run(&self, script: &str, seconds: u32) -> Result<String> {
        let (root, initrd) = (self.root(), self.place.join("initrd"));
        fs::write(root.join("script"), script)?;
        fs::write(root.join("init"), INIT)?;
        fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
        let archive = "find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 > ../initrd";
        let made = Command::new("sh")
            .args(["-c", archive])
            .current_dir(&root)
            .status()?;
        ensure!(made.success(), "its root could not be packed");
        let output = Command::new("timeout")
            .arg(seconds.to_string())
            .args([
                "qemu-system-x86_64",
                "-m",
                "2048",
                "-nographic",
                "-no-reboot",
            ])
            .args(["-cpu", "max", "-nic", "none"])
            .args(["-append", "console=ttyS0 quiet panic=-1", "-kernel"])
            .arg(kernel().context("its kernel")?)
            .arg("-initrd")
            .arg(initrd)
            .stdin(Stdio::null())
            .output()?;
        let told = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let part = told.split_once("BEGIN\n");
        let part = part.and_then(|(_, rest)| rest.split_once("END\n"));
        let Some((part, _)) = part else {
            bail!("the machine came to no end:\n{told}");
        };
        let lines = part.lines().filter(|line| !line.starts_with('['));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    }
}
