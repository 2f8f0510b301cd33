//! The run on the real kernel, watched by `strace`.

use super::follow::{capabilities, in_order};
use super::{Document, EXCLUDED, Run, Seen, cases};
use anyhow::{Context, Result, bail, ensure};
use glassdock_abi::Errno;
use glassdock_abi::types::capability;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable that makes this program carry a document's plans out.
pub const ROLE: &str = "GLASSDOCK_PLAN";
const BUSYBOX: &str = "/bin/busybox";

/// A directory of a run, with the containers' root; removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place> {
        let base = PathBuf::from(cases::base());
        let _ = fs::remove_dir_all(&base);
        let place = Place(base.clone());
        for dir in super::simulated::DIRS {
            fs::create_dir_all(base.join(dir))?;
        }
        fs::copy(BUSYBOX, base.join("rootfs/bin/busybox"))?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(base.join("rootfs/bin/busybox"), mode)?;
        for applet in super::simulated::APPLETS {
            symlink("busybox", base.join("rootfs/bin").join(applet))?;
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mount = cases::groups_mount();
        let _ = fs::remove_dir(format!("{mount}{}", cases::group()));
        let mut umount = Command::new("umount");
        let _ = umount.args(["-l", &mount]).stderr(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a document and takes what was seen.
///
/// # Errors
/// Where it fails, or the transcript cannot be read.
pub fn run(name: &str, document: &Document) -> Result<Run> {
    let place = Place::new()?;
    let seen = place.0.join("seen");
    fs::create_dir(&seen)?;
    let file = place.0.join("document.json");
    fs::write(&file, serde_json::to_vec(document)?)?;
    let output = Command::new("strace")
        .args(["-ff", "-s", "65536", "-o"])
        .arg(seen.join("of"))
        .arg(std::env::current_exe()?)
        .env(ROLE, &file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context("starting strace")?;
    ensure!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut transcripts = std::collections::BTreeMap::new();
    for entry in fs::read_dir(&seen)? {
        let path = entry?.path();
        let pid: i64 = path
            .extension()
            .and_then(|pid| pid.to_str()?.parse().ok())
            .context("a transcript's process")?;
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        transcripts.insert(pid, lines(&text)?);
    }
    let driver = transcripts
        .values()
        .find(|seen| seen.iter().any(|call| call.name == "clone3"))
        .context("a process that makes others")?;
    split(driver, &transcripts)
}

/// Divides the driver's calls at the pipes and pairs of sockets that carry barriers, one a plan; the first of each are the driver's own.
pub fn split(driver: &[Seen], others: &std::collections::BTreeMap<i64, Vec<Seen>>) -> Result<Run> {
    let pipes: Vec<usize> = driver
        .iter()
        .enumerate()
        .filter(|(_, call)| matches!(&*call.name, "pipe2" | "socketpair"))
        .map(|(at, _)| at)
        .skip(2)
        .collect();
    let mut run = Run::default();
    for (index, begin) in pipes.iter().enumerate() {
        let end = pipes.get(index + 1).copied().unwrap_or(driver.len());
        let barrier = numbers(&driver[*begin].args);
        let part = &driver[begin + 1..end];
        let birth = part.iter().find(|call| call.name == "clone3");
        let child = birth.and_then(|call| call.result.ok()).context("a child")?;
        let child = others.get(&child).context("the child's transcript")?;
        run.parents.push(without(part, &barrier));
        let program = child
            .iter()
            .position(|call| call.name == "execveat" && call.result.is_ok());
        let program = program.context("the start of the child's program")?;
        run.children.push(without(&child[..=program], &barrier));
    }
    Ok(run)
}

/// The numbers in `[3, 4], O_CLOEXEC`, or in `AF_UNIX, SOCK_STREAM, 0, [3, 4]`.
fn numbers(args: &str) -> Vec<String> {
    let list = args
        .split('[')
        .nth(1)
        .and_then(|list| list.split(']').next());
    let list = list.unwrap_or_default().split(", ");
    list.map(str::to_owned).collect()
}

/// Leaves out the barrier's calls, up to its closing: numbers are used again.
fn without(calls: &[Seen], barrier: &[String]) -> Vec<Seen> {
    let mut barrier = barrier.to_vec();
    let mut left = Vec::new();
    for call in calls {
        let fd = call.args.split(", ").next().unwrap_or_default();
        let is_its = matches!(
            &*call.name,
            "read" | "write" | "sendmsg" | "close" | "ppoll"
        ) && barrier.iter().any(|known| known == fd);
        if !is_its {
            left.push(call.clone());
        } else if call.name == "close" {
            barrier.retain(|known| known != fd);
        }
    }
    left
}

fn lines(text: &str) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for line in text.lines() {
        if line.starts_with("---") || line.starts_with("+++") {
            continue;
        }
        let call = line_of(line).with_context(|| format!("strace's line {line:?}"))?;
        // Whether a descriptor may have to be waited for is asked before it is read or written.
        let asks = call.name == "statx" && call.args.is_empty()
            || call.name == "fcntl" && call.args.ends_with("F_GETFL");
        if !asks && !EXCLUDED.contains(&&*call.name) {
            seen.push(call);
        }
    }
    Ok(seen)
}

fn line_of(line: &str) -> Result<Seen> {
    let (name, rest) = line.split_once('(').context("a name")?;
    let (args, result) = rest.rsplit_once(" = ").context("a result")?;
    let args = args.trim_end();
    let args = args.strip_suffix(')').context("the end of arguments")?;
    // Numbers in hexadecimal are addresses, or registers of calls that are not compared.
    let word = result.split(' ').next().unwrap_or_default();
    let result = match word {
        "?" => Ok(0),
        "-1" => {
            let errno = result.split(' ').nth(1).unwrap_or_default();
            Err(errno_of(errno).with_context(|| format!("the errno {errno:?}"))?)
        }
        word => Ok(match word.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).unwrap_or_default(),
            None => word.parse()?,
        }),
    };
    let name = match name {
        "execve" => "execveat",
        name => name,
    };
    Ok(Seen {
        name: name.to_owned(),
        args: even(name, args),
        result,
    })
}

fn errno_of(name: &str) -> Option<Errno> {
    (1..=133)
        .filter_map(Errno::from_raw)
        .find(|errno| errno.name() == Some(name))
}

/// The text in the first quotes.
fn quoted(args: &str) -> &str {
    args.split('"').nth(1).unwrap_or_default()
}

/// Arguments in the form in which they are compared, [`super::follow::text`].
fn even(name: &str, args: &str) -> String {
    let first = args.split(", ").next().unwrap_or_default();
    match name {
        "statx" => quoted(args).to_owned(),
        "getcwd" => String::new(),
        // The sizes of structures.
        "openat2" => in_order(args.strip_suffix(", 24").unwrap_or(args)),
        "mount_setattr" => {
            let args = args.strip_suffix(", 32").unwrap_or(args);
            in_order(
                &args
                    .replace(" /* MS_??? */", "")
                    .replace(", userns_fd=0", ""),
            )
        }
        "recvmsg" | "sendmsg" => first.to_owned(),
        "read" => {
            let count = args.rsplit(", ").next().unwrap_or_default();
            format!("{first}, {count}")
        }
        "seccomp" => {
            let length = args.split("len=").nth(1).unwrap_or_default();
            length.split(',').next().unwrap_or_default().to_owned()
        }
        "ioctl" => {
            let request = args.split(", ").nth(1).unwrap_or_default();
            format!("{first}, {request}")
        }
        "clone3" => {
            let args = args.split(" => ").next().unwrap_or_default();
            let args = args.replace(", stack=NULL, stack_size=0", "");
            in_order(args.rsplit_once(", ").map_or(&*args, |(args, _)| args))
        }
        "execveat" => {
            let argv = args.split('[').nth(1).unwrap_or_default();
            let argv = argv.split(']').next().unwrap_or_default();
            format!("{} [{argv}]", quoted(args))
        }
        "capset" => {
            let sets = ["effective=", "permitted=", "inheritable="];
            let bits = sets.map(|set| {
                let names = args.split(set).nth(1).unwrap_or_default();
                let end = names.find([',', '}']).unwrap_or(names.len());
                capability_bits(&names[..end])
            });
            capabilities(bits)
        }
        // The old limit comes out.
        "prlimit64" => match args.split_once('}') {
            Some((args, _)) => format!("{args}}}"),
            None => args.to_owned(),
        },
        "prctl" => args.trim_end_matches(", 0").to_owned(),
        "socket" => in_order(&args.replace("NETLINK_ROUTE", "0")),
        // What this kind of mount does not look at is shown as addresses.
        "mount" => {
            let parts: Vec<&str> = args.split(", ").collect();
            match parts.as_slice() {
                [source, target, kind, flags, ..] if kind.starts_with("0x") => {
                    in_order(&format!("{source}, {target}, {flags}"))
                }
                _ => in_order(args),
            }
        }
        _ => in_order(args),
    }
}

/// `1<<CAP_KILL|1<<CAP_CHOWN`, `CAP_KILL` or `0`.
fn capability_bits(names: &str) -> u64 {
    let number = |name: &str| {
        let name = name.trim_start_matches("1<<").strip_prefix("CAP_")?;
        capability::NAMES.iter().position(|known| *known == name)
    };
    let bits = names.split('|').filter_map(number);
    bits.fold(0, |bits, number| bits | 1 << number)
}

/// Whether runs can be watched here.
///
/// # Errors
/// Why not.
pub fn possible() -> Result<()> {
    if !Path::new(BUSYBOX).exists() {
        bail!("{BUSYBOX} is missing (busybox-static)");
    }
    let version = Command::new("strace").arg("--version").output();
    version.context("strace is missing")?;
    let root = fs::metadata("/proc/self")?;
    ensure!(
        std::os::unix::fs::MetadataExt::uid(&root) == 0,
        "it needs root"
    );
    Ok(())
}
