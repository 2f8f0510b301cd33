//! What the files of `/proc/PID` hold.

use super::pid::{FDINFO, item_name, parts};
use super::system;
use crate::Kernel;
use crate::file::Body;
use crate::ids::{FileId, Tid};
use crate::mm::{Backing, Mm};
use crate::process::{INFINITY, Process, rlimit};
use glassdock_abi::types::Dev;
use glassdock_abi::{Errno, Fd, Result};
use glassdock_cpu::{PAGE_SIZE, Prot};
use glassdock_vfs::{IdKind, NodeId, SbId};

const NET_DEV: &str = "Inter-|   Receive                                                |  Transmit\n \
face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n";

impl Kernel {
    pub(super) fn proc_content(&mut self, viewer: Tid, sb: SbId, at: NodeId) -> Result<Vec<u8>> {
        let p = parts(at);
        if p.tid.0 == 0 {
            return system::content(self, system::PROC, p.arg, viewer);
        }
        let ns = self.ns_of_sb(sb);
        let process = self.proc_process(p.tid).map_err(|_| Errno::ESRCH)?;
        let tgid = process.tgid;
        if p.item == FDINFO {
            return self.fdinfo(viewer, p.tid, p.arg as i32);
        }
        let text = match item_name(p.item)? {
            "environ" => return Ok(process.environ.clone()),
            "auxv" => return Ok(process.auxv.clone()),
            "cmdline" if process.alive() => return Ok(process.cmdline.clone()),
            "cmdline" => return Ok(Vec::new()),
            "comm" => return Ok([self.comm_of(p.tid), b"\n".to_vec()].concat()),
            "mounts" => return self.mount_lines(p.tid, false),
            "mountinfo" => return self.mount_lines(p.tid, true),
            "maps" => return self.maps(viewer, p.tid),
            "stat" => self.pid_stat(ns, p.tid, tgid),
            "statm" => self.statm(p.tid),
            "status" => self.pid_status(viewer, ns, p.tid, tgid),
            "limits" => limits(process),
            "wchan" => "0".into(),
            "loginuid" | "sessionid" => u32::MAX.to_string(),
            "personality" => format!(
                "{:08x}\n",
                self.threads.get(&p.tid).ok_or(Errno::ESRCH)?.personality
            ),
            "cgroup" => format!("0::{}\n", self.cgroup_seen(viewer, &process.cgroup)),
            "oom_score" => format!("{}\n", self.oom_score(process)),
            "oom_score_adj" => format!("{}\n", process.oom_score_adj),
            "uid_map" => self.map_text(viewer, p.tid, IdKind::User)?,
            "gid_map" => self.map_text(viewer, p.tid, IdKind::Group)?,
            "setgroups" => self.setgroups_text(p.tid)?.into(),
            "timens_offsets" => self.offsets_text(p.tid)?,
            "io" => {
                self.may_inspect(p.tid)?;
                self.io(tgid, p.in_task.then_some(p.tid))
            }
            "net" if p.arg == 1 => NET_DEV.into(),
            "net" => return Ok(self.sockets.table(self.net_of(p.tid))),
            _ => return Err(Errno::EISDIR),
        };
        Ok(text.into_bytes())
    }

    pub(super) fn write_proc(
        &mut self,
        tid: Tid,
        file: FileId,
        at: NodeId,
        data: &[u8],
    ) -> Result<usize> {
        let p = parts(at);
        if p.tid.0 == 0 {
            system::write(self, system::PROC, p.arg, tid, data)?;
            return Ok(data.len());
        }
        match item_name(p.item)? {
            "comm" => {
                let name = data.split(|byte| *byte == b'\n').next().unwrap_or(data);
                let thread = self.threads.get_mut(&p.tid).ok_or(Errno::ESRCH)?;
                thread.comm = name[..name.len().min(15)].to_vec();
                self.publisher.task(p.tid);
            }
            "oom_score_adj" => {
                let text = core::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
                let value: i32 = text.trim().parse().map_err(|_| Errno::EINVAL)?;
                if !(-1000..=1000).contains(&value) {
                    return Err(Errno::EINVAL);
                }
                let free = self.capable(tid, crate::cred::cap::SYS_RESOURCE);
                let process = self.process_of_mut(p.tid).ok_or(Errno::ESRCH)?;
                if value < process.oom_score_adj_min && !free {
                    return Err(Errno::EACCES);
                }
                process.oom_score_adj = value;
                if free {
                    process.oom_score_adj_min = value;
                }
            }
            name @ ("uid_map" | "gid_map" | "setgroups" | "timens_offsets") => {
                let file = self.files.get(file).ok_or(Errno::EBADF)?;
                let opener = file.opener.clone().unwrap_or_default();
                if file.pos != 0 {
                    return Err(Errno::EINVAL);
                }
                match name {
                    "uid_map" => self.write_map(tid, p.tid, IdKind::User, &opener, data),
                    "gid_map" => self.write_map(tid, p.tid, IdKind::Group, &opener, data),
                    "timens_offsets" => return self.write_offsets(p.tid, &opener, data),
                    _ => self.write_setgroups(p.tid, data),
                }?;
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(data.len())
    }

    pub(super) fn comm_of(&self, tid: Tid) -> Vec<u8> {
        match self.threads.get(&tid) {
            Some(thread) => thread.comm.clone(),
            None => self.comm_of_process(tid),
        }
    }

    fn fdinfo(&self, viewer: Tid, tid: Tid, fd: i32) -> Result<Vec<u8>> {
        let file = self.file_of(tid, Fd(fd)).map_err(|_| Errno::ENOENT)?;
        let cloexec = self
            .fd_table(tid)
            .and_then(|table| table.map.get(&fd))
            .is_some_and(|entry| entry.cloexec);
        let flags = file.flags.bits() | if cloexec { 0o2000000 } else { 0 };
        let (mount, inode) = (file.file.path.mount.0, file.file.inode.0);
        let mut text = format!(
            "pos:\t{}\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{inode}\n",
            file.pos
        );
        if let Body::Pidfd(target) = file.body {
            text.push_str(&format!("Pid:\t{}\n", self.pid_for(viewer, target).0));
        }
        Ok(text.into_bytes())
    }

    fn mount_lines(&self, tid: Tid, info: bool) -> Result<Vec<u8>> {
        let thread = self.threads.get(&tid).ok_or(Errno::EINVAL)?;
        let fs = self.fs.get(thread.fs).ok_or(Errno::EINVAL)?;
        let mounts = self.vfs().mounts(thread.ns.mnt_vfs, fs.root);
        let lines = mounts.iter().map(|mount| {
            if info {
                mount.mountinfo_line()
            } else {
                mount.mounts_line()
            }
        });
        Ok(lines.flatten().collect())
    }

    /// Device and inode number of a mapped file, as `stat` gives them.
    fn place_of_mapped(&mut self, file: FileId) -> Option<(Dev, u64)> {
        let place = self.files.get(file)?.file.path;
        let stat = self.with_kernel_vfs(|vfs, cx| vfs.stat(cx, place)).ok()?;
        Some((stat.dev, stat.ino))
    }

    fn maps(&mut self, viewer: Tid, tid: Tid) -> Result<Vec<u8>> {
        let root = self.root_of(viewer);
        let Some(mm) = self.mm_of_task(tid) else {
            return Ok(Vec::new());
        };
        let (brk_start, brk, stack_top) = (mm.brk_start, mm.brk, mm.stack_top);
        let mut out = Vec::new();
        for (start, vma) in mm.vmas.clone() {
            let flag = |prot, letter| if vma.prot.contains(prot) { letter } else { '-' };
            let heap = start >= brk_start && vma.end <= brk.next_multiple_of(PAGE_SIZE);
            let nowhere = (Dev(0), 0);
            let (offset, (dev, inode), name) = match vma.backing {
                Backing::File { file, offset, .. } => {
                    let place = self.place_of_mapped(file).unwrap_or(nowhere);
                    let path = self.files.get(file).map(|file| file.file.path);
                    let name = path.map(|path| self.vfs().d_path(root, path));
                    (offset, place, name.unwrap_or_default())
                }
                // The first of the devices without a name is that of shared memory.
                Backing::SharedAnonymous { key, offset } => (
                    offset,
                    (Dev::new(0, 1), key),
                    b"/dev/zero (deleted)".to_vec(),
                ),
                Backing::Anonymous if vma.grows_down && vma.end == stack_top => {
                    (0, nowhere, b"[stack]".to_vec())
                }
                Backing::Anonymous if heap => (0, nowhere, b"[heap]".to_vec()),
                Backing::Anonymous => (0, nowhere, Vec::new()),
            };
            let (r, w, x) = (
                flag(Prot::READ, 'r'),
                flag(Prot::WRITE, 'w'),
                flag(Prot::EXEC, 'x'),
            );
            let shared = if vma.shared { 's' } else { 'p' };
            let line = format!(
                "{start:08x}-{:08x} {r}{w}{x}{shared} {offset:08x} {:02x}:{:02x} {inode} ",
                vma.end,
                dev.major(),
                dev.minor()
            );
            let mut line = line.into_bytes();
            if !name.is_empty() {
                line.resize(line.len().max(73), b' ');
                line.extend_from_slice(&name);
            }
            line.push(b'\n');
            out.extend_from_slice(&line);
        }
        Ok(out)
    }

    pub(super) fn mm_of_task(&self, tid: Tid) -> Option<&Mm> {
        self.mms.get(self.threads.get(&tid)?.mm?)
    }

    fn statm(&self, tid: Tid) -> String {
        let Some(mm) = self.mm_of_task(tid) else {
            return "0 0 0 0 0 0 0\n".into();
        };
        let areas = mm.areas();
        let (resident, shared) = self.resident(mm);
        let data = areas.data + areas.stack;
        format!(
            "{} {resident} {shared} {} 0 {data} 0\n",
            areas.all, areas.text
        )
    }

    fn io(&self, tgid: Tid, tid: Option<Tid>) -> String {
        let io = match tid {
            Some(tid) => self.threads.get(&tid).map(|it| it.io).unwrap_or_default(),
            None => self.process_io(tgid),
        };
        format!(
            "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
            io.read_bytes, io.written_bytes, io.reads, io.writes
        )
    }
}

fn limits(process: &Process) -> String {
    let mut text = format!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    for ((name, unit), limit) in rlimit::NAMES.iter().zip(process.rlimits) {
        let show = |value: u64| {
            if value == INFINITY {
                "unlimited".to_owned()
            } else {
                value.to_string()
            }
        };
        text.push_str(&format!(
            "{name:<25} {:<20} {:<20} {unit:<10}\n",
            show(limit.cur),
            show(limit.max)
        ));
    }
    text
}
