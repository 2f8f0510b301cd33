//! `man 2 ioctl`: the requests of terminals, and those of all files.

use super::{fd, none, sys};
use crate::decode::{self, Bytes};
use glassdock_abi::call::IoctlReq;
use glassdock_abi::types::Winsize;
use glassdock_abi::{Call, Errno, Fd, Pid, Result, Ret, nr};

/// Makes a call of this family.
pub(super) fn perform(call: Call) -> Result<Ret> {
    match call {
        Call::Ioctl { fd, request } => ioctl(fd, request),
        _ => Err(Errno::ENOSYS),
    }
}

fn ioctl(of: Fd, request: IoctlReq) -> Result<Ret> {
    let number = |request: u32, arg: u64| sys!(nr::ioctl, of.0, request, arg);
    let write = |request: u32, bytes: &[u8]| sys!(nr::ioctl, of.0, request, bytes);
    let read = |request: u32| {
        let mut bytes = [0; 4];
        sys!(nr::ioctl, of.0, request, &mut bytes[..])?;
        Ok::<i32, Errno>(i32::from_ne_bytes(bytes))
    };
    match request {
        IoctlReq::Tcgets => {
            let mut bytes = [0; 36];
            sys!(nr::ioctl, of.0, 0x5401u32, &mut bytes[..])?;
            Ok(Ret::Termios(Box::new(decode::termios(&bytes))))
        }
        IoctlReq::Tcsets(termios, when) => {
            let request = 0x5402 + u32::from(when.min(2));
            none(write(request, &decode::termios_bytes(&termios)))
        }
        IoctlReq::Tiocgwinsz => {
            let mut bytes = [0; 8];
            sys!(nr::ioctl, of.0, 0x5413u32, &mut bytes[..])?;
            let b = Bytes(&bytes);
            Ok(Ret::Winsize(Winsize {
                rows: b.u16(0),
                cols: b.u16(2),
                xpixel: b.u16(4),
                ypixel: b.u16(6),
            }))
        }
        IoctlReq::Tiocswinsz(size) => {
            let sizes = [size.rows, size.cols, size.xpixel, size.ypixel];
            let bytes: Vec<u8> = sizes.into_iter().flat_map(u16::to_ne_bytes).collect();
            none(write(0x5414, &bytes))
        }
        IoctlReq::Tiocsctty(steal) => none(number(0x540e, u64::from(steal))),
        IoctlReq::Tiocnotty => none(number(0x5422, 0)),
        IoctlReq::Tiocgpgrp => read(0x540f).map(|pid| Ret::Pid(Pid(pid))),
        IoctlReq::Tiocspgrp(pid) => none(write(0x5410, &pid.0.to_ne_bytes())),
        IoctlReq::Tiocgsid => read(0x5429).map(|pid| Ret::Pid(Pid(pid))),
        IoctlReq::Tiocgptn => read(0x8004_5430).map(|number| Ret::Int(i64::from(number))),
        IoctlReq::Tiocsptlck(lock) => none(write(0x4004_5431, &u32::from(lock).to_ne_bytes())),
        IoctlReq::Tiocgptpeer(flags) => fd(number(0x5441, u64::from(flags.bits()))),
        IoctlReq::Fionread => read(0x541b).map(|count| Ret::Int(i64::from(count))),
        IoctlReq::Fionbio(on) => none(write(0x5421, &u32::from(on).to_ne_bytes())),
        // The kernel would take the argument for an address in this process: only requests without memory could be
        // passed on, and which those are is not known here.
        IoctlReq::Other(..) => Err(Errno::ENOTTY),
    }
}
