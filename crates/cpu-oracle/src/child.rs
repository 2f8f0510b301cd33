//! The traced child.

use std::io;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::{CODE, CODE_LEN, DATA, DATA_LEN, Registers, Stopped, TRAP};

/// A stopped child process.
pub struct Oracle {
    child: Child,
    pid: Pid,
}

fn other(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

impl Oracle {
    /// Starts the child and maps code and data into it.
    ///
    /// # Errors
    /// When the system does not let us trace a child.
    pub fn start() -> io::Result<Oracle> {
        let child = Command::new("sleep")
            .arg("1000000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let pid = Pid::from_raw(child.id() as i32);
        let mut oracle = Oracle { child, pid };
        // The child may still be on its way through exec: wait until it sleeps.
        std::thread::sleep(std::time::Duration::from_millis(50));
        ptrace::seize(pid, Options::empty())?;
        ptrace::interrupt(pid)?;
        waitpid(pid, None)?;
        let text = oracle.text()?;
        let memory = std::fs::OpenOptions::new()
            .write(true)
            .open(format!("/proc/{pid}/mem"))?;
        memory.write_all_at(&[0x0f, 0x05, TRAP], text)?;
        oracle.map(text, CODE, CODE_LEN, 7)?;
        oracle.map(text, DATA, DATA_LEN, 3)?;
        Ok(oracle)
    }

    /// An address of executable memory in the child.
    fn text(&self) -> io::Result<u64> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.pid))?;
        let line = maps
            .lines()
            .find(|l| l.contains("r-xp"))
            .ok_or(other("no code in the child"))?;
        let start = line.split('-').next().unwrap_or_default();
        u64::from_str_radix(start, 16).map_err(|_| other("maps that cannot be read"))
    }

    /// Has the child call `mmap`.
    fn map(&mut self, text: u64, addr: u64, len: usize, prot: u64) -> io::Result<()> {
        let mut regs = ptrace::getregs(self.pid)?;
        regs.rip = text;
        regs.orig_rax = u64::MAX;
        regs.rax = 9;
        regs.rdi = addr;
        regs.rsi = len as u64;
        regs.rdx = prot;
        // MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS
        regs.r10 = 0x32;
        regs.r8 = u64::MAX;
        regs.r9 = 0;
        ptrace::setregs(self.pid, regs)?;
        self.resume()?;
        let result = ptrace::getregs(self.pid)?.rax;
        if result == addr {
            Ok(())
        } else {
            Err(other("the child cannot map memory"))
        }
    }

    fn resume(&mut self) -> io::Result<Signal> {
        ptrace::cont(self.pid, None)?;
        match waitpid(self.pid, None)? {
            WaitStatus::Stopped(_, signal) | WaitStatus::PtraceEvent(_, signal, _) => Ok(signal),
            status => Err(other(&format!("the child ended: {status:?}"))),
        }
    }

    /// The child's RFLAGS as they are now. Not all of them can be set.
    ///
    /// # Errors
    /// When the child cannot be worked with any more.
    pub fn rflags(&self) -> io::Result<u64> {
        Ok(ptrace::getregs(self.pid)?.eflags)
    }

    /// Writes `code` and `data`, sets the registers and runs until a signal comes. Registers and
    /// data are changed to what they were then.
    ///
    /// # Errors
    /// When the child cannot be worked with any more.
    pub fn run(
        &mut self,
        code: &[u8],
        data: &mut [u8],
        regs: &mut Registers,
    ) -> io::Result<Stopped> {
        let at = |base: u64, len: usize| RemoteIoVec {
            base: base as usize,
            len,
        };
        let places = [at(CODE, code.len()), at(DATA, data.len())];
        let local = [io::IoSlice::new(code), io::IoSlice::new(data)];
        process_vm_writev(self.pid, &local, &places)?;
        self.set(regs)?;
        let signal = self.resume()?;
        let code = ptrace::getsiginfo(self.pid)?.si_code;
        self.get(regs)?;
        let place = [at(DATA, data.len())];
        process_vm_readv(self.pid, &mut [io::IoSliceMut::new(data)], &place)?;
        Ok(Stopped {
            signal: signal as i32,
            code,
        })
    }

    fn set(&mut self, regs: &Registers) -> io::Result<()> {
        let mut r = ptrace::getregs(self.pid)?;
        let g = &regs.gpr;
        [r.rax, r.rcx, r.rdx, r.rbx] = [g[0], g[1], g[2], g[3]];
        [r.rsp, r.rbp, r.rsi, r.rdi] = [g[4], g[5], g[6], g[7]];
        [r.r8, r.r9, r.r10, r.r11] = [g[8], g[9], g[10], g[11]];
        [r.r12, r.r13, r.r14, r.r15] = [g[12], g[13], g[14], g[15]];
        r.orig_rax = u64::MAX;
        r.rip = regs.rip;
        r.eflags = regs.rflags;
        r.fs_base = regs.fs_base;
        r.gs_base = regs.gs_base;
        ptrace::setregs(self.pid, r)?;
        let mut f = ptrace::getregset::<ptrace::regset::NT_PRFPREG>(self.pid)?;
        let half = |at: usize| u16::from_le_bytes([regs.fx[at], regs.fx[at + 1]]);
        let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
        f.cwd = half(0);
        f.swd = half(2);
        f.ftw = half(4);
        f.fop = 0;
        f.rip = 0;
        f.rdp = 0;
        f.mxcsr = word(24);
        f.st_space = std::array::from_fn(|i| word(32 + 4 * i));
        f.xmm_space = std::array::from_fn(|i| word(160 + 4 * i));
        ptrace::setregset::<ptrace::regset::NT_PRFPREG>(self.pid, f)?;
        Ok(())
    }

    fn get(&mut self, regs: &mut Registers) -> io::Result<()> {
        let r = ptrace::getregs(self.pid)?;
        regs.gpr = [
            r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11,
            r.r12, r.r13, r.r14, r.r15,
        ];
        regs.rip = r.rip;
        regs.rflags = r.eflags;
        let f = ptrace::getregset::<ptrace::regset::NT_PRFPREG>(self.pid)?;
        let fx = &mut regs.fx;
        fx[0..2].copy_from_slice(&f.cwd.to_le_bytes());
        fx[2..4].copy_from_slice(&f.swd.to_le_bytes());
        fx[4..6].copy_from_slice(&f.ftw.to_le_bytes());
        fx[6..24].fill(0);
        fx[24..28].copy_from_slice(&f.mxcsr.to_le_bytes());
        for (i, w) in f.st_space.iter().enumerate() {
            fx[32 + 4 * i..36 + 4 * i].copy_from_slice(&w.to_le_bytes());
        }
        for (i, w) in f.xmm_space.iter().enumerate() {
            fx[160 + 4 * i..164 + 4 * i].copy_from_slice(&w.to_le_bytes());
        }
        Ok(())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = ptrace::cont(self.pid, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
