//! The calling process itself: who and where it is, what it may.

use super::paths::PATH_MAX;
use super::program::Program;
use super::{filled, int, none, path, pid, sys, text};
use crate::decode::Bytes;
use glassdock_abi::call::PrctlOp;
use glassdock_abi::types::{CapSets, SockFilter};
use glassdock_abi::{Call, Errno, Result, Ret, nr};

/// Makes a call of this family.
pub(super) fn perform(call: Call) -> Result<Ret> {
    let number = call.nr();
    match call {
        Call::Getpid {} | Call::Getppid {} | Call::Setsid {} => pid(sys!(number)),
        Call::Getuid {} | Call::Geteuid {} | Call::Getgid {} | Call::Getegid {} => {
            int(sys!(number))
        }
        // A clone is made through the trait `Proc`, which knows what the child does.
        Call::Clone3 { .. } => Err(Errno::ENOSYS),
        Call::Execveat {
            dirfd,
            path,
            argv,
            envp,
            flags,
        } => Err(Program::new(dirfd, &path, argv, envp, flags)?.exec()),
        Call::ExitGroup { status } => crate::raw::exit_now(i32::from(status)),
        Call::Unshare { flags } => none(sys!(number, flags.bits())),
        Call::Setns { fd, nstype } => none(sys!(number, fd.0, nstype.bits())),
        Call::Chdir { path: p } | Call::Chroot { path: p } => {
            none(sys!(number, path(&p)?.as_c_str()))
        }
        Call::Fchdir { fd } => none(sys!(number, fd.0)),
        Call::Getcwd {} => {
            let ret = filled(PATH_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, buffer, length)
            })?;
            let mut bytes = ret.bytes()?;
            bytes.pop();
            Ok(Ret::Bytes(bytes))
        }
        Call::PivotRoot { new_root, put_old } => none(sys!(
            number,
            path(&new_root)?.as_c_str(),
            path(&put_old)?.as_c_str()
        )),
        Call::Umask { mask } => int(sys!(number, mask)),
        Call::Setresuid { ruid, euid, suid } => none(sys!(number, ruid, euid, suid)),
        Call::Setresgid { rgid, egid, sgid } => none(sys!(number, rgid, egid, sgid)),
        Call::Setgroups { groups } => {
            let count = groups.len();
            let bytes: Vec<u8> = groups
                .iter()
                .flat_map(|group| group.to_ne_bytes())
                .collect();
            none(sys!(number, count, bytes.as_slice()))
        }
        Call::Getgroups {} => {
            const NGROUPS_MAX: usize = 65_536;
            let mut bytes = vec![0; NGROUPS_MAX * 4];
            let count = sys!(number, NGROUPS_MAX, bytes.as_mut_slice())? as usize;
            let b = Bytes(&bytes);
            Ok(Ret::Groups((0..count).map(|at| b.u32(at * 4)).collect()))
        }
        Call::Capget {} => {
            let (mut header, mut data) = (cap_header(), [0; 24]);
            sys!(number, &mut header[..], &mut data[..])?;
            let b = Bytes(&data);
            let set = |at| u64::from(b.u32(at)) | u64::from(b.u32(at + 12)) << 32;
            Ok(Ret::Caps(CapSets {
                effective: set(0),
                permitted: set(4),
                inheritable: set(8),
            }))
        }
        Call::Capset { sets } => {
            let mut header = cap_header();
            let order = [sets.effective, sets.permitted, sets.inheritable];
            let low = order.iter().map(|set| *set as u32);
            let high = order.iter().map(|set| (*set >> 32) as u32);
            let data: Vec<u8> = low.chain(high).flat_map(u32::to_ne_bytes).collect();
            none(sys!(number, &mut header[..], data.as_slice()))
        }
        Call::Prctl { op } => prctl(op),
        Call::Seccomp { flags, filter } => seccomp(flags, &filter),
        Call::Setpgid { pid, pgid } => none(sys!(number, pid.0, pgid.0)),
        Call::Getpgid { pid: of } | Call::Getsid { pid: of } => pid(sys!(number, of.0)),
        Call::Sethostname { name } | Call::Setdomainname { name } => {
            none(sys!(number, name.as_slice(), name.len()))
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn cap_header() -> [u8; 8] {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION: u32 = 0x2008_0522;
    let mut header = [0; 8];
    header[..4].copy_from_slice(&VERSION.to_ne_bytes());
    header
}

fn seccomp(flags: u32, filter: &[SockFilter]) -> Result<Ret> {
    const SECCOMP_SET_MODE_FILTER: u32 = 1;
    let length = u16::try_from(filter.len()).map_err(|_| Errno::EINVAL)?;
    let instructions: Vec<u8> = filter.iter().flat_map(|insn| insn.to_bytes()).collect();
    // `struct sock_fprog`: a length, padding, and an address.
    let mut program = [0; 16];
    program[..2].copy_from_slice(&length.to_ne_bytes());
    let address = instructions.as_ptr().expose_provenance() as u64;
    program[8..].copy_from_slice(&address.to_ne_bytes());
    none(sys!(
        nr::seccomp,
        SECCOMP_SET_MODE_FILTER,
        flags,
        &program[..]
    ))
}

fn prctl(op: PrctlOp) -> Result<Ret> {
    let call = |op: u32, a: u64, b: u64| sys!(nr::prctl, op, a, b, 0u64, 0u64);
    match op {
        PrctlOp::SetPdeathsig(signal) => int(call(1, u64::from(signal), 0)),
        PrctlOp::SetDumpable(on) => int(call(4, u64::from(on), 0)),
        PrctlOp::SetKeepcaps(on) => int(call(8, u64::from(on), 0)),
        PrctlOp::SetName(name) => {
            let name = text(&name)?;
            int(sys!(nr::prctl, 15u32, name.as_c_str(), 0u64, 0u64, 0u64))
        }
        PrctlOp::CapbsetRead(cap) => int(call(23, u64::from(cap), 0)),
        PrctlOp::CapbsetDrop(cap) => int(call(24, u64::from(cap), 0)),
        PrctlOp::CapAmbientRaise(cap) => int(call(47, 2, u64::from(cap))),
        PrctlOp::CapAmbientClearAll => int(call(47, 4, 0)),
        PrctlOp::SetNoNewPrivs => int(call(38, 1, 0)),
        PrctlOp::GetNoNewPrivs => int(call(39, 0, 0)),
        PrctlOp::SetChildSubreaper(on) => int(call(36, u64::from(on), 0)),
        // Its arguments may be addresses in this process.
        PrctlOp::Other(..) => Err(Errno::EINVAL),
    }
}
