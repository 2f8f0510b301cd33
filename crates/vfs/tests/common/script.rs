//! Scripts of operations: what each line does, and what comes of it as text.

use super::Machine;
use glassdock_abi::Result;
use glassdock_abi::flags::*;
use glassdock_abi::types::{Dev, OpenHow, Stat, mode};
use glassdock_trace::World;
use glassdock_vfs::{At, Cred, Lookup, Path, open_how};

/// Runs each part of a script (`== its name`) on a new machine, and gives the script back with what came of its lines
/// now: `operation => outcome`, without an outcome where it succeeds and tells nothing.
pub fn run(script: &str) -> String {
    let mut told = String::new();
    let mut machine = Machine::new();
    let mut world = World::default();
    for line in script.lines() {
        if line.starts_with("== ") {
            machine = Machine::new();
            world = World::default();
        }
        told += line.split(" => ").next().unwrap_or_default();
        if !line.is_empty() && !line.starts_with(['#', '=']) {
            let words: Vec<&str> = told.lines().last().unwrap_or_default().split(' ').collect();
            told += &match machine.operate(&words) {
                Ok(text) if text.is_empty() => String::new(),
                Ok(text) => format!(" => {text}"),
                Err(errno) => format!(" => {errno:?}"),
            };
            for delta in machine.vfs.take_deltas() {
                world.apply(delta).expect("a delta fits");
            }
            assert_eq!(
                world,
                machine.vfs.inspect(),
                "what the deltas told is what is there: {line}"
            );
        }
        told.push('\n');
    }
    told
}

fn kind(stat: &Stat) -> &'static str {
    match stat.mode & mode::S_IFMT {
        mode::S_IFDIR => "dir",
        mode::S_IFREG => "file",
        mode::S_IFLNK => "link",
        mode::S_IFCHR => "char",
        mode::S_IFBLK => "block",
        mode::S_IFIFO => "fifo",
        _ => "socket",
    }
}

fn shown(stat: &Stat) -> String {
    let kind = kind(stat);
    let mut text = format!("{kind} {:o} {}:{}", stat.mode & 0o7777, stat.uid, stat.gid);
    if kind != "dir" {
        text += &format!(" links={}", stat.nlink);
    }
    match kind {
        "file" | "link" => text += &format!(" size={}", stat.size),
        "char" | "block" => {
            text += &format!(" device={}:{}", stat.rdev.major(), stat.rdev.minor());
        }
        _ => {}
    }
    text
}

fn words(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.join(" "),
    }
}

fn number(text: &str) -> u32 {
    text.parse().expect("a number")
}

fn octal(text: &str) -> u32 {
    u32::from_str_radix(text, 8).expect("an octal number")
}

/// `-1` leaves an id as it is.
fn id(text: &str) -> u32 {
    text.parse().unwrap_or(u32::MAX)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Machine {
    fn operate(&mut self, words: &[&str]) -> Result<String> {
        self.names(words)
            .or_else(|| self.contents(words))
            .or_else(|| self.attributes(words))
            .or_else(|| self.caller(words))
            .or_else(|| self.mounting(words))
            .unwrap_or_else(|| panic!("no operation: {words:?}"))
    }

    fn names(&mut self, line: &[&str]) -> Option<Result<String>> {
        let done = match *line {
            ["mkdir", path] => self.mkdir(path),
            ["rmdir", path] => self.rmdir(path),
            ["unlink", path] => self.unlink(path),
            ["symlink", target, path] => self.symlink(target, path),
            ["link", old, new] => self.link(old, new),
            ["mknod", path, kind, major, minor] => {
                let kind = match kind {
                    "c" => mode::S_IFCHR,
                    "b" => mode::S_IFBLK,
                    "p" => mode::S_IFIFO,
                    _ => mode::S_IFSOCK,
                };
                self.mknod(path, kind | 0o666, Dev::new(number(major), number(minor)))
            }
            ["rename", old, new] => self.rename(old, new, RenameFlags::empty()),
            ["noreplace", old, new] => self.rename(old, new, RenameFlags::NOREPLACE),
            ["exchange", old, new] => self.rename(old, new, RenameFlags::EXCHANGE),
            ["ls", path] => return Some(self.list(path).map(|names| words(&names))),
            _ => return None,
        };
        Some(done.map(|()| String::new()))
    }

    fn contents(&mut self, line: &[&str]) -> Option<Result<String>> {
        let done = match *line {
            ["write", path, data] => self.store(path, OpenFlags::TRUNC, data),
            ["append", path, data] => self.store(path, OpenFlags::APPEND, data),
            ["excl", path, data] => self.store(path, OpenFlags::EXCL, data),
            ["truncate", path, size] => {
                let size = number(size).into();
                self.with(|vfs, cx| vfs.truncate(cx, At::Cwd, path.as_bytes(), size))
            }
            ["read", path] => {
                return Some(self.read(path).map(|bytes| format!("\"{}\"", text(bytes))));
            }
            ["nofollow", path] => self
                .open(path, OpenFlags::NOFOLLOW)
                .map(|file| self.vfs.close(file)),
            ["beneath", path] => return Some(self.within(path, ResolveFlags::BENEATH)),
            ["inroot", path] => return Some(self.within(path, ResolveFlags::IN_ROOT)),
            _ => return None,
        };
        Some(done.map(|()| String::new()))
    }

    fn store(&mut self, path: &str, flags: OpenFlags, data: &str) -> Result<()> {
        let file = self.open(path, OpenFlags::WRONLY | OpenFlags::CREAT | flags)?;
        let written = self.with(|vfs, cx| vfs.write(cx, &file, 0, data.as_bytes()));
        self.vfs.close(file);
        written.map(drop)
    }

    fn within(&mut self, path: &str, resolve: ResolveFlags) -> Result<String> {
        let how = OpenHow {
            resolve,
            ..open_how(OpenFlags::RDONLY, 0)
        };
        let file = self.openat2(path, &how)?;
        let stat = self.with(|vfs, cx| vfs.stat(cx, file.path));
        self.vfs.close(file);
        stat.map(|stat| shown(&stat))
    }

    fn attributes(&mut self, line: &[&str]) -> Option<Result<String>> {
        let done = match *line {
            ["stat", path] => return Some(self.stat(path).map(|stat| shown(&stat))),
            ["lstat", path] => return Some(self.lstat(path).map(|stat| shown(&stat))),
            ["readlink", path] => {
                let place = self.nofollow(path);
                let target = place.and_then(|place| self.with(|vfs, cx| vfs.readlink(cx, place)));
                return Some(target.map(text));
            }
            ["getxattr", path, name] => {
                let place = self.lookup(path);
                let value = place.and_then(|place| {
                    self.with(|vfs, cx| vfs.getxattr(cx, place, name.as_bytes()))
                });
                return Some(value.map(text));
            }
            ["setxattr", path, name, value] => self.lookup(path).and_then(|place| {
                let (name, value) = (name.as_bytes(), value.as_bytes());
                self.with(|vfs, cx| vfs.setxattr(cx, place, name, value, XattrFlags::empty()))
            }),
            ["removexattr", path, name] => self
                .lookup(path)
                .and_then(|place| self.with(|vfs, cx| vfs.removexattr(cx, place, name.as_bytes()))),
            ["chmod", path, mode] => self
                .lookup(path)
                .and_then(|place| self.with(|vfs, cx| vfs.chmod(cx, place, octal(mode)))),
            ["chown", path, owner] => {
                let (uid, gid) = owner.split_once(':').expect("UID:GID");
                self.lookup(path)
                    .and_then(|place| self.with(|vfs, cx| vfs.chown(cx, place, id(uid), id(gid))))
            }
            _ => return None,
        };
        Some(done.map(|()| String::new()))
    }

    fn nofollow(&mut self, path: &str) -> Result<Path> {
        self.with(|vfs, cx| vfs.lookup(cx, At::Cwd, path.as_bytes(), Lookup::NOFOLLOW))
    }

    fn caller(&mut self, line: &[&str]) -> Option<Result<String>> {
        let done = match *line {
            ["chdir", path] => self.chdir(path),
            ["chroot", path] => self.chroot(path),
            ["getcwd"] => return Some(self.getcwd()),
            ["umask", mask] => {
                self.umask = octal(mask);
                Ok(())
            }
            // As `seteuid` and `setegid` do.
            ["as", "0"] => {
                self.cred = Cred::root();
                Ok(())
            }
            ["as", user] => {
                self.cred = Cred {
                    fsuid: number(user),
                    fsgid: number(user),
                    ..Cred::default()
                };
                Ok(())
            }
            _ => return None,
        };
        Some(done.map(|()| String::new()))
    }

    fn mounting(&mut self, line: &[&str]) -> Option<Result<String>> {
        let mut change = |path, flags| self.mount("", path, "", flags, "");
        let done = match *line {
            ["private", path] => change(path, MountFlags::PRIVATE),
            ["shared", path] => change(path, MountFlags::SHARED),
            ["slave", path] => change(path, MountFlags::SLAVE),
            ["unbindable", path] => change(path, MountFlags::UNBINDABLE),
            ["readonly", path] => change(
                path,
                MountFlags::REMOUNT | MountFlags::BIND | MountFlags::RDONLY,
            ),
            ["bind", from, to] => self.mount(from, to, "", MountFlags::BIND, ""),
            ["move", from, to] => self.mount(from, to, "", MountFlags::MOVE, ""),
            ["mount", source, target, fstype] => {
                self.mount(source, target, fstype, MountFlags::empty(), "")
            }
            ["mount", source, target, fstype, data] => {
                self.mount(source, target, fstype, MountFlags::empty(), data)
            }
            ["umount", path] => self.umount(path, UmountFlags::empty()),
            ["detach", path] => self.umount(path, UmountFlags::DETACH),
            _ => return None,
        };
        Some(done.map(|()| String::new()))
    }
}
