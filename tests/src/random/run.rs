//! Making the calls on a kernel.

use super::told::{Seen, bytes};
use super::{Kind, SLOT, SLOTS, plan};
use glassdock_abi::flags::{AtFlags, CloneFlags, MountFlags, OpenFlags, WaitFlags};
use glassdock_abi::types::{CloneArgs, Dev, PathArg, WaitFor, mode, signal};
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Io, OwnedFd, Pid, Proc, Result, Ret, Visitor};
use std::fmt::Write;

/// Bytes read at once.
const CHUNK: u64 = 1 << 16;
/// Calls that furnish the layers of an overlay, each.
const LAYER_CALLS: usize = 40;
/// Directories of an overlay's layers, lowest first.
const LAYERS: [&str; 3] = ["/l1", "/l2", "/u"];
const OVERLAY_OPTIONS: &str = "lowerdir=/l2:/l1,upperdir=/u,workdir=/w";
/// Nanoseconds between calls, more than a tick of the slowest clock (`CONFIG_HZ=100`).
const PAUSE: u64 = 11_000_000;
/// Directories deeper than this are not looked into: a mount may hold itself.
const DEPTH_MAX: usize = 12;

/// A kernel's settings that decide about names in shared directories.
const SETTINGS: [&str; 4] = ["fifos", "hardlinks", "regular", "symlinks"];

/// The settings of this kernel.
///
/// # Errors
/// Where they cannot be read.
pub fn settings() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let paths = SETTINGS
        .iter()
        .map(|name| format!("/proc/sys/fs/protected_{name}"));
    paths
        .map(|path| Ok((path.clone(), std::fs::read(path)?)))
        .collect()
}

/// Gives a kernel the settings of another one.
///
/// # Errors
/// Those of writing them.
pub async fn set<S: Proc>(sys: &S, settings: Vec<(String, Vec<u8>)>) -> Result<()> {
    for (path, value) in settings {
        let file = sys
            .openat(Fd::CWD, path.into(), OpenFlags::WRONLY, 0)
            .await?;
        sys.write(file.fd(), value).await?;
    }
    Ok(())
}

/// Makes a sequence of calls in a mount namespace and a file system of its own at `place`, and tells what came of each
/// and what the files are like at the end, a line each.
///
/// # Errors
/// Of the calls that make the surroundings.
pub async fn run<S: Proc>(
    sys: S,
    place: String,
    kind: Kind,
    seed: u64,
    calls: Vec<(usize, Call)>,
) -> Result<String> {
    let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await?;
    let args = CloneArgs {
        flags: CloneFlags::NEWNS,
        exit_signal: signal::CHLD,
        ..CloneArgs::default()
    };
    let child = tell(place, kind, seed, calls, writer.fd());
    let pid = sys.clone_with(args, child).await?;
    drop(writer);
    let mut text = Vec::new();
    loop {
        let chunk = sys.read(reader.fd(), CHUNK).await?;
        if chunk.is_empty() {
            break;
        }
        text.extend_from_slice(&chunk);
    }
    sys.waitid(WaitFor::Pid(pid), WaitFlags::EXITED).await?;
    String::from_utf8(text).map_err(|_| Errno::EILSEQ)
}

/// What the clone does: its lines go to `output`.
fn tell<S: Proc>(
    place: String,
    kind: Kind,
    seed: u64,
    calls: Vec<(usize, Call)>,
    output: Fd,
) -> impl FnOnce(S) -> BoxFuture<'static, u8> + Send + 'static {
    move |sys| {
        Box::pin(async move {
            let mut text = match stage(&sys, &place, kind, seed).await {
                Ok(()) => act(&sys, kind, calls).await,
                Err(errno) => format!("the surroundings could not be made: {errno:?}\n"),
            };
            let mut rest = std::mem::take(&mut text).into_bytes();
            while !rest.is_empty() {
                match sys.write(output, rest.clone()).await {
                    Ok(taken) => drop(rest.drain(..taken)),
                    Err(_) => return 1,
                }
            }
            0
        })
    }
}

async fn mount<S: Proc>(
    sys: &S,
    target: &str,
    fstype: &'static str,
    flags: MountFlags,
    data: &str,
) -> Result<()> {
    sys.mount(
        "none".into(),
        target.into(),
        fstype,
        flags,
        data.as_bytes().to_vec(),
    )
    .await
}

/// A tmpfs as root directory, and for an overlay its layers.
async fn stage<S: Proc>(sys: &S, place: &str, kind: Kind, seed: u64) -> Result<()> {
    mount(sys, "/", "", MountFlags::REC | MountFlags::PRIVATE, "").await?;
    mount(sys, place, "tmpfs", MountFlags::empty(), "mode=755").await?;
    sys.call(Call::Chroot { path: place.into() }).await?;
    sys.call(Call::Chdir { path: "/".into() }).await?;
    sys.call(Call::Umask { mask: 0o022 }).await?;
    if kind != Kind::Overlay {
        return Ok(());
    }
    for dir in LAYERS.into_iter().chain(["/w", "/m"]) {
        sys.mkdirat(Fd::CWD, dir.into(), 0o755).await?;
    }
    for (number, layer) in LAYERS.into_iter().enumerate() {
        sys.call(Call::Chdir { path: layer.into() }).await?;
        let calls = plan(
            Kind::Names,
            seed.wrapping_mul(3) + number as u64,
            LAYER_CALLS,
        );
        // Only what makes names, in the layer itself.
        let calls = calls.into_iter().filter(|call| match call {
            Call::Mkdirat { dirfd, path, .. } | Call::Mknodat { dirfd, path, .. } => {
                inside(*dirfd, path)
            }
            Call::Symlinkat {
                newdirfd, linkpath, ..
            } => inside(*newdirfd, linkpath),
            Call::Openat2 { dirfd, path, how } => {
                inside(*dirfd, path) && !how.flags.contains(OpenFlags::TMPFILE)
            }
            _ => false,
        });
        for call in calls {
            if let Ok(Ret::Fd(fd)) = sys.call(call).await {
                let file = sys.own(fd);
                let _ = sys
                    .call(Call::Write {
                        fd: file.fd(),
                        data: layer.into(),
                    })
                    .await;
            }
        }
    }
    mount(sys, "/m", "overlay", MountFlags::empty(), OVERLAY_OPTIONS).await?;
    sys.call(Call::Chdir { path: "/m".into() })
        .await
        .map(|_| ())
}

fn inside(dirfd: Fd, path: &PathArg) -> bool {
    let up = path.as_bytes().windows(2).any(|pair| pair == b"..");
    dirfd == Fd::CWD && !up && !path.as_bytes().starts_with(b"/")
}

/// Puts open files in the place of the numbers that stand for them.
struct Slots<'a, S: Proc>(&'a [Option<OwnedFd<S>>]);

impl<S: Proc> Visitor for Slots<'_, S> {
    fn fd(&mut self, fd: &mut Fd) {
        let slot = usize::try_from(fd.0 - SLOT).ok();
        if let Some(slot) = slot.and_then(|slot| self.0.get(slot)) {
            *fd = slot.as_ref().map_or(Fd(-1), OwnedFd::fd);
        }
    }
    fn pid(&mut self, _: &mut Pid) {}
    fn path(&mut self, _: &mut PathArg) {}
}

async fn act<S: Proc>(sys: &S, kind: Kind, calls: Vec<(usize, Call)>) -> String {
    let mut slots: Vec<Option<OwnedFd<S>>> = (0..SLOTS).map(|_| None).collect();
    let mut seen = Seen::default();
    seen.times = (kind == Kind::Times).then(Default::default);
    let mut text = String::new();
    for (number, call) in calls {
        let _ = write!(text, "{number} {} = ", shown(&call));
        let mut real = call.clone();
        real.visit(&mut Slots(&slots));
        if let Call::Close { fd } = call {
            let slot = usize::try_from(fd.0 - SLOT)
                .ok()
                .and_then(|slot| slots.get_mut(slot));
            let closed = slot.and_then(Option::take);
            text.push_str(if closed.is_some() { "ok\n" } else { "EBADF\n" });
            continue;
        }
        if kind == Kind::Times {
            sys.sleep(PAUSE).await;
        }
        let result = match unfit(sys, &real).await {
            true => Err(Errno::EOPNOTSUPP),
            false => sys.call(real).await,
        };
        if let Ok(Ret::Fd(fd)) = result {
            slots[number % SLOTS] = Some(sys.own(fd));
        }
        let _ = writeln!(text, "{}", seen.result(result));
    }
    drop(slots);
    for call in [
        Call::Setresuid {
            ruid: u32::MAX,
            euid: 0,
            suid: u32::MAX,
        },
        Call::Chdir { path: "/".into() },
    ] {
        let _ = writeln!(text, "{}", seen.result(sys.call(call).await));
    }
    let mut places = vec![(PathArg::from("/"), 0)];
    if kind == Kind::Overlay {
        // The overlay first, so that what it copies up on being looked at would show in the layers.
        places.push(("/m".into(), 0));
    }
    while let Some((path, depth)) = places.pop() {
        if let Err(errno) = describe(sys, &mut seen, &mut text, &path, depth, &mut places).await {
            let _ = writeln!(text, "{path:?}: {errno:?}");
        }
    }
    text
}

/// Calls that would wait, or whose signal would end the process: writing to what is not a regular file.
async fn unfit<S: Proc>(sys: &S, call: &Call) -> bool {
    match call {
        Call::Write { fd, .. } | Call::Pwrite64 { fd, .. } => !sys
            .fstat(*fd)
            .await
            .is_ok_and(|stat| stat.is(mode::S_IFREG)),
        // Within one file, what is read depends on when it was written.
        Call::Sendfile { out_fd, in_fd, .. } => {
            match (sys.fstat(*out_fd).await, sys.fstat(*in_fd).await) {
                (Ok(to), Ok(from)) => !to.is(mode::S_IFREG) || to.ino == from.ino,
                _ => true,
            }
        }
        _ => false,
    }
}

/// One file of the tree at the end; directories add theirs.
async fn describe<S: Proc>(
    sys: &S,
    seen: &mut Seen,
    text: &mut String,
    path: &PathArg,
    depth: usize,
    places: &mut Vec<(PathArg, usize)>,
) -> Result<()> {
    let stat = sys
        .statx(Fd::CWD, path.clone(), AtFlags::SYMLINK_NOFOLLOW)
        .await?;
    if path.as_bytes() == b"/w" {
        // The work directory's content is overlayfs's own.
        return Ok(());
    }
    if stat.is(mode::S_IFCHR) && stat.rdev == Dev(0) {
        // Linux gives all whiteouts of an overlay one inode, which the simulation does not.
        let _ = writeln!(text, "{path:?}: whiteout {:o}", stat.mode);
        return Ok(());
    }
    let _ = writeln!(text, "{path:?}: {}", seen.stat(&stat));
    let (listed, follow) = (path.clone(), false);
    if let Ok(Ret::Bytes(names)) = sys
        .call(Call::Listxattr {
            path: listed,
            follow,
        })
        .await
    {
        let mut names: Vec<&[u8]> = names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .collect();
        names.sort();
        for name in names {
            let call = Call::Getxattr {
                path: path.clone(),
                name: name.to_vec(),
                follow,
            };
            let value = seen.result(sys.call(call).await);
            // Its value names an inode of one kernel.
            let value = if name.ends_with(b".overlay.origin") || name.ends_with(b".overlay.uuid") {
                "…"
            } else {
                &value
            };
            let _ = writeln!(text, "  {} = {value}", name.escape_ascii());
        }
    }
    match stat.mode & mode::S_IFMT {
        mode::S_IFLNK => {
            let target = sys.readlinkat(Fd::CWD, path.clone()).await?;
            let _ = writeln!(text, "  → {}", bytes(&target));
        }
        mode::S_IFREG => {
            let file = sys
                .openat(Fd::CWD, path.clone(), OpenFlags::RDONLY, 0)
                .await?;
            let data = sys.read(file.fd(), CHUNK * 4).await?;
            let _ = writeln!(text, "  {}", bytes(&data));
        }
        mode::S_IFDIR if depth < DEPTH_MAX => {
            let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY;
            let dir = sys.openat(Fd::CWD, path.clone(), flags, 0).await?;
            let mut names = Vec::new();
            loop {
                let entries = sys.getdents64(dir.fd()).await?;
                if entries.is_empty() {
                    break;
                }
                names.extend(entries.into_iter().map(|entry| entry.name));
            }
            names.retain(|name| !matches!(name.as_slice(), b"." | b".."));
            names.sort();
            places.extend(
                names
                    .into_iter()
                    .rev()
                    .map(|name| (path.join(name), depth + 1)),
            );
        }
        _ => {}
    }
    Ok(())
}

/// A call as a line, long paths and data cut.
fn shown(call: &Call) -> String {
    let text = format!("{call:?}");
    match text.char_indices().nth(170) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
