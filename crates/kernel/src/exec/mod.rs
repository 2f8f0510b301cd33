//! `man 2 execve`: ELF files, `#!` scripts, built-in programs.

pub(crate) mod elf;
mod load;

use crate::Kernel;
use crate::builtin::{Program, name_in};
use crate::ids::{FileId, Tid};
use crate::process::Exec;
use crate::signal::SigInfo;
use crate::syscall::CallCx;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::{mode, signal as sig};
use glassdock_abi::{Errno, Fd, Result};
use glassdock_trace::Value;
use glassdock_vfs::{At, FileKind, Lookup};

/// Bytes of a file that tell what it is (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;
/// Deepest nesting of scripts.
const DEPTH_MAX: u32 = 5;
/// Longest single argument or variable, with its NUL (`MAX_ARG_STRLEN`).
pub(crate) const ARG_MAX_ONE: usize = 131_072;
/// Most bytes of all arguments and variables together, whatever the stack's limit.
const ARG_MAX_ALL: usize = 6 << 20;

/// What an `execve` asks for.
pub(crate) struct Request {
    pub(crate) dirfd: Fd,
    pub(crate) path: Vec<u8>,
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) envp: Vec<Vec<u8>>,
    pub(crate) flags: AtFlags,
}

/// A file that is about to be run.
struct Found {
    file: FileId,
    head: Vec<u8>,
    /// Owner and group of the first file, where its set-id bits count.
    setuid: Option<u32>,
    setgid: Option<u32>,
}

impl Kernel {
    pub(crate) fn sys_execve(&mut self, cx: &mut CallCx, request: Request) -> SysResult {
        let stack = self
            .process_of(cx.tid)
            .map_or(0, |p| p.rlimits[crate::process::rlimit::STACK].cur);
        check_size(&request.argv, &request.envp, stack)?;
        let mut argv = request.argv;
        if argv.is_empty() {
            argv.push(Vec::new());
        }
        let mut found = self.find_program(cx.tid, request.dirfd, &request.path, request.flags)?;
        let name = self.exec_name(cx.tid, request.dirfd, &request.path);
        let mut interpreter = None;
        let mut depth = 0;
        let result = loop {
            if let Some(builtin) = name_in(&found.head) {
                break self.exec_builtin(
                    cx,
                    &found,
                    builtin.to_owned(),
                    &name,
                    &argv,
                    &request.envp,
                );
            }
            if !found.head.starts_with(b"#!") {
                break self.exec_elf(
                    cx,
                    &found,
                    &name,
                    interpreter.as_deref(),
                    &argv,
                    &request.envp,
                );
            }
            depth += 1;
            if depth > DEPTH_MAX {
                break Err(Errno::ELOOP);
            }
            let Some((program, argument)) = script(&found.head) else {
                break Err(Errno::ENOEXEC);
            };
            let shown = match interpreter.take() {
                Some(path) => path,
                None => name.clone(),
            };
            let mut next = vec![program.clone()];
            next.extend(argument);
            next.push(shown);
            next.extend(argv.into_iter().skip(1));
            argv = next;
            self.put_program(found.file);
            found = self.find_program(cx.tid, Fd::CWD, &program, AtFlags::empty())?;
            interpreter = Some(program);
        };
        self.put_program(found.file);
        match result {
            Ok(()) => Err(Fail::Keep),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The name that the program is told it has: the path, or a descriptor's under `/dev/fd`.
    fn exec_name(&self, _: Tid, dirfd: Fd, path: &[u8]) -> Vec<u8> {
        if dirfd == Fd::CWD || path.starts_with(b"/") {
            return path.to_vec();
        }
        let mut name = format!("/dev/fd/{}", dirfd.0).into_bytes();
        if !path.is_empty() {
            name.push(b'/');
            name.extend_from_slice(path);
        }
        name
    }

    fn find_program(&mut self, tid: Tid, dirfd: Fd, path: &[u8], flags: AtFlags) -> Result<Found> {
        let at = self.at(tid, dirfd);
        let how = Lookup::at(flags);
        let kernel = glassdock_vfs::Cred::root();
        let file = self.with_vfs(tid, |vfs, cx| {
            let place = match (path.is_empty() && how.empty, at) {
                (true, At::Dir(place)) => place,
                (true, At::Bad) => return Err(Errno::EBADF),
                _ => vfs.lookup(cx, at, path, how)?,
            };
            let stat = vfs.stat(cx, place)?;
            if stat.is(mode::S_IFLNK) {
                return Err(Errno::ELOOP);
            }
            vfs.may_exec(cx, place)?;
            Ok((place, stat, vfs.may_set_id(cx, place)))
        });
        let (place, stat, set_id) = file?;
        let file = self.with_vfs_as(tid, &kernel, |vfs, cx| {
            vfs.open_path(cx, place, OpenFlags::RDONLY)
        })?;
        if file.kind != FileKind::Regular {
            self.with_kernel_vfs(|vfs, _| vfs.close(file));
            return Err(Errno::EACCES);
        }
        if let Err(errno) = self.vfs_mut().deny_write(file.inode) {
            self.with_kernel_vfs(|vfs, _| vfs.close(file));
            return Err(errno);
        }
        let head = self.with_kernel_vfs(|vfs, cx| vfs.read(cx, &file, 0, HEAD));
        let what = path.to_vec();
        let id = self.add_file(file, crate::file::Body::Vfs, what);
        let head = match head {
            Ok(head) => head,
            Err(errno) => {
                self.put_program(id);
                return Err(errno);
            }
        };
        self.count_exec_read(tid, head.len());
        // Owner and group need a name where the caller is (`bprm_fill_uid`).
        let named = |cred: &crate::cred::Cred| {
            let user = cred.user.as_deref();
            user.is_none_or(|user| user.maps(stat.uid, stat.gid))
        };
        let cred = self.cred(tid)?;
        let allowed = set_id && !cred.no_new_privs && named(cred);
        let group = mode::S_ISGID | 0o010;
        Ok(Found {
            file: id,
            head,
            setuid: (allowed && stat.mode & mode::S_ISUID != 0).then_some(stat.uid),
            setgid: (allowed && stat.mode & group == group).then_some(stat.gid),
        })
    }

    fn exec_elf(
        &mut self,
        cx: &CallCx,
        found: &Found,
        name: &[u8],
        interpreter: Option<&[u8]>,
        argv: &[Vec<u8>],
        envp: &[Vec<u8>],
    ) -> Result<()> {
        let file = found.file;
        let parsed = elf::parse(&found.head, |at, count| self.read_exec(file, at, count));
        let program = parsed?;
        self.count_exec_read(cx.tid, program.segments.len() * elf::PHDR);
        if let Some(segment) = program.segments.iter().find(|s| s.kind == elf::PT_INTERP) {
            let path = self.read_exec(file, segment.offset, segment.filesz.min(4096) as usize)?;
            self.note("interpreter-unsupported", || {
                vec![Value::Text(
                    String::from_utf8_lossy(&path)
                        .trim_end_matches('\0')
                        .to_owned(),
                )]
            });
            return Err(Errno::ENOEXEC);
        }
        let tid = cx.tid;
        let mut cred = self.threads.get(&tid).ok_or(Errno::ESRCH)?.cred.clone();
        let secure = cred.exec(found.setuid, found.setgid);
        let built = self.build_image(file, &program, &cred, secure, name, interpreter, argv, envp);
        let tid = self.leave_old_program(tid, name, argv, envp, file);
        let Ok(image) = built else {
            // The old program is gone before segments are mapped: an error then kills (`begin_new_exec`).
            if let Some(thread) = self.threads.get_mut(&tid) {
                thread.exec = Exec::None;
            }
            self.force_signal(tid, SigInfo::kernel(sig::SEGV));
            self.finish_exec(tid);
            return Ok(());
        };
        if let Some(process) = self.process_of_mut(tid) {
            process.auxv = image.auxv;
        }
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.cred = cred;
            thread.mm = Some(image.mm);
            thread.exec = Exec::Elf(Box::new(image.cpu));
        }
        self.finish_exec(tid);
        Ok(())
    }

    fn exec_builtin(
        &mut self,
        cx: &CallCx,
        found: &Found,
        builtin: String,
        name: &[u8],
        argv: &[Vec<u8>],
        envp: &[Vec<u8>],
    ) -> Result<()> {
        let Some(main) = self.registry.get(&builtin).copied() else {
            self.note("unknown-builtin", || vec![Value::Text(builtin)]);
            return Err(Errno::ENOENT);
        };
        let tid = cx.tid;
        let mut cred = self.threads.get(&tid).ok_or(Errno::ESRCH)?.cred.clone();
        cred.exec(found.setuid, found.setgid);
        let mm = self.build_builtin(found.file, name, argv, envp)?;
        let tid = self.leave_old_program(tid, name, argv, envp, found.file);
        let (argv, envp) = (argv.to_vec(), envp.to_vec());
        let program = Program::new(|task| main(task, argv, envp));
        if let Some(process) = self.process_of_mut(tid) {
            process.auxv = Vec::new();
        }
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.cred = cred;
            thread.mm = Some(mm);
            thread.exec = Exec::Builtin(Box::new(program));
        }
        self.finish_exec(tid);
        Ok(())
    }

    /// What the kernel reads of an executable counts as read by the thread that executes it.
    fn count_exec_read(&mut self, tid: Tid, bytes: usize) {
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.io.read(bytes as u64);
        }
    }

    /// Reads an executable as the kernel, whoever may read it.
    fn read_exec(&mut self, id: FileId, offset: u64, count: usize) -> Result<Vec<u8>> {
        let Some(file) = self.files.remove(id) else {
            return Err(Errno::EBADF);
        };
        let result = self.with_kernel_vfs(|vfs, cx| vfs.read(cx, &file.file, offset, count));
        self.files.put_back(id, file);
        result
    }

    /// A process begins to be an instance of this executable: nobody may write it.
    pub(crate) fn hold_exe(&mut self, place: glassdock_vfs::Path) {
        self.vfs_mut().hold(place);
        if let Ok(inode) = self.vfs().inode(place) {
            // It cannot be open for writing: whoever holds it here already denies that.
            let _ = self.vfs_mut().deny_write(inode);
        }
    }

    /// A process is no longer an instance of this executable.
    pub(crate) fn release_exe(&mut self, place: glassdock_vfs::Path) {
        if let Ok(inode) = self.vfs().inode(place) {
            self.vfs_mut().allow_write(inode);
        }
        self.vfs_mut().release(place);
    }

    /// Closes an executable that `find_program` opened.
    fn put_program(&mut self, id: FileId) {
        if let Some(inode) = self.files.get(id).map(|file| file.file.inode) {
            self.vfs_mut().allow_write(inode);
        }
        self.put_file(id);
    }

    /// Everything of the old program that does not outlive an `execve`. The number that the thread has then.
    fn leave_old_program(
        &mut self,
        tid: Tid,
        name: &[u8],
        argv: &[Vec<u8>],
        envp: &[Vec<u8>],
        file: FileId,
    ) -> Tid {
        let tgid = self.tgid_of(tid);
        let tid = self.become_only_thread(tid);
        self.cut_open_spans(tid);
        self.cut_calls_but(tid);
        self.unshare_fds(tid);
        self.close_on_exec(tid);
        self.unshare_sighand(tgid);
        let place = self.files.get(file).map(|file| file.file.path);
        if let Some(place) = place {
            self.hold_exe(place);
        }
        self.mark_all_handlers(tgid);
        if let Some(hand) = self
            .processes
            .get(&tgid)
            .map(|process| process.sighand)
            .and_then(|id| self.sighands.get_mut(id))
        {
            hand.reset_for_exec();
        }
        let base = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
        let comm = base[..base.len().min(15)].to_vec();
        let exe_name = place.map(|place| self.vfs().d_path(self.vfs_root, place));
        self.enter_time_for_children(tid);
        let cred = self.threads.get(&tid).map(|thread| &thread.cred);
        let root = cred.map_or((0, 0), |cred| {
            let (uid, gid) = (cred.uid_outside(0), cred.gid_outside(0));
            (uid.unwrap_or(0), gid.unwrap_or(0))
        });
        let mut old_exe = None;
        if let Some(process) = self.processes.get_mut(&tgid) {
            old_exe = std::mem::replace(&mut process.exe, place);
            process.exe_name = exe_name.unwrap_or_default();
            process.argv = argv.to_vec();
            process.cmdline = joined(argv);
            process.environ = joined(envp);
            process.did_exec = true;
            process.dumpable = true;
            process.root = root;
            process.itimers[1] = Default::default();
            process.itimers[2] = Default::default();
        }
        if let Some(place) = old_exe {
            self.release_exe(place);
        }
        let old_mm = self.threads.get_mut(&tid).and_then(|thread| {
            thread.comm = comm;
            thread.altstack = Default::default();
            thread.clear_child_tid = 0;
            thread.robust_list = (0, 0);
            thread.mm.take()
        });
        if let Some(mm) = old_mm {
            self.put_mm(mm);
        }
        self.traps.remove(&tid);
        tid
    }

    fn finish_exec(&mut self, tid: Tid) {
        self.publisher.task(tid);
        self.release_vfork_parent(tid);
        self.make_ready(tid);
    }

    /// Lets a parent go on that waits in `vfork`.
    pub(crate) fn release_vfork_parent(&mut self, tid: Tid) {
        if self
            .threads
            .get_mut(&tid)
            .and_then(|thread| thread.vfork_parent.take())
            .is_some()
        {
            self.wake(WaitKey::Vfork(tid));
        }
    }
}

fn joined(strings: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for string in strings {
        out.extend_from_slice(string);
        out.push(0);
    }
    out
}

/// `E2BIG` where the strings do not fit a quarter of the stack, or one is too long.
fn check_size(argv: &[Vec<u8>], envp: &[Vec<u8>], stack_limit: u64) -> Result<()> {
    let limit =
        (usize::try_from(stack_limit / 4).unwrap_or(usize::MAX)).clamp(131_072, ARG_MAX_ALL);
    let mut all = 0usize;
    for string in argv.iter().chain(envp) {
        if string.len() >= ARG_MAX_ONE {
            return Err(Errno::E2BIG);
        }
        all = all.saturating_add(string.len() + 9);
    }
    if all > limit {
        Err(Errno::E2BIG)
    } else {
        Ok(())
    }
}

/// Interpreter and argument of a `#!` line; `None` where there is none.
fn script(head: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let rest = head.get(2..)?;
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let line = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => &rest[..end],
        // Without a line end in the head, the interpreter's name must at least end there.
        None if head.len() >= HEAD => {
            let start = rest.iter().position(|byte| !blank(byte))?;
            let end = rest[start..].iter().position(blank)?;
            &rest[..start + end]
        }
        None => rest,
    };
    let line = line.split(|byte| *byte == 0).next().unwrap_or(line);
    let start = line.iter().position(|byte| !blank(byte))?;
    let end = line.iter().rposition(|byte| !blank(byte))? + 1;
    let line = &line[start..end];
    match line.iter().position(blank) {
        None => Some((line.to_vec(), None)),
        Some(cut) => {
            let argument = &line[cut..];
            let skip = argument.iter().position(|byte| !blank(byte)).unwrap_or(0);
            Some((line[..cut].to_vec(), Some(argument[skip..].to_vec())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::script;

    #[test]
    fn a_script_names_its_interpreter_and_one_argument() {
        type Parts<'a> = Option<(&'a str, Option<&'a str>)>;
        let cases: &[(&[u8], Parts<'_>)] = &[
            (b"#!/bin/sh\n", Some(("/bin/sh", None))),
            (b"#! /bin/sh -e  x \nrest", Some(("/bin/sh", Some("-e  x")))),
            (b"#!/bin/sh", Some(("/bin/sh", None))),
            (b"#!\n", None),
            (b"#!", None),
        ];
        for (head, wanted) in cases {
            let got = script(head);
            let got = got
                .as_ref()
                .map(|(program, argument)| (program.as_slice(), argument.as_deref()));
            let wanted = wanted.map(|(p, a)| (p.as_bytes(), a.map(str::as_bytes)));
            assert_eq!(got, wanted);
        }
    }
}
