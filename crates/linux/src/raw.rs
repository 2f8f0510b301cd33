//! The one place with unsafe code: system calls, and what cannot be done without the C library.
#![allow(
    unsafe_code,
    reason = "system calls have no safe form; each block says why it is sound"
)]

use glassdock_abi::{Errno, Result};
use std::ffi::CStr;

/// An argument of a system call.
pub(crate) enum Arg<'a> {
    /// A number.
    Int(u64),
    /// Memory that the kernel reads. Another argument, or the call's definition, gives the length, never beyond the
    /// slice's.
    In(&'a [u8]),
    /// Memory that the kernel writes, with the same duty.
    Out(&'a mut [u8]),
    /// A text that ends with NUL.
    Text(&'a CStr),
    /// Pointers to texts, ended by a null pointer.
    Texts(&'a Texts),
}

impl Arg<'_> {
    fn word(self) -> libc::c_long {
        match self {
            Arg::Int(value) => value as libc::c_long,
            Arg::In(bytes) => bytes.as_ptr() as libc::c_long,
            Arg::Out(bytes) => bytes.as_mut_ptr() as libc::c_long,
            Arg::Text(text) => text.as_ptr() as libc::c_long,
            Arg::Texts(texts) => texts.pointers.as_ptr() as libc::c_long,
        }
    }
}

impl From<i32> for Arg<'_> {
    fn from(value: i32) -> Self {
        Arg::Int(i64::from(value) as u64)
    }
}
impl From<u32> for Arg<'_> {
    fn from(value: u32) -> Self {
        Arg::Int(u64::from(value))
    }
}
impl From<u64> for Arg<'_> {
    fn from(value: u64) -> Self {
        Arg::Int(value)
    }
}
impl From<usize> for Arg<'_> {
    fn from(value: usize) -> Self {
        Arg::Int(value as u64)
    }
}
impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Arg::In(value)
    }
}
impl<'a> From<&'a mut [u8]> for Arg<'a> {
    fn from(value: &'a mut [u8]) -> Self {
        Arg::Out(value)
    }
}
impl<'a> From<&'a CStr> for Arg<'a> {
    fn from(value: &'a CStr) -> Self {
        Arg::Text(value)
    }
}
impl<'a> From<&'a Texts> for Arg<'a> {
    fn from(value: &'a Texts) -> Self {
        Arg::Texts(value)
    }
}

/// A list of texts as `execve` takes it.
pub(crate) struct Texts {
    pointers: Vec<*const libc::c_char>,
    // What the pointers point to; a `CString`'s bytes do not move with it.
    _texts: Vec<std::ffi::CString>,
}

impl Texts {
    pub fn new(texts: Vec<std::ffi::CString>) -> Texts {
        let mut pointers: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        pointers.push(std::ptr::null());
        Texts {
            pointers,
            _texts: texts,
        }
    }
}

/// Makes a system call.
pub(crate) fn syscall(nr: u32, args: [Arg<'_>; 6]) -> Result<u64> {
    let [a, b, c, d, e, f] = args.map(Arg::word);
    // SAFETY: numbers can do no harm to this process's memory but through calls that map or change it, which `calls`
    // does not make; memory that the kernel touches belongs to slices and texts that live until here, and their lengths
    // are passed from them.
    let result = unsafe { libc::syscall(libc::c_long::from(nr), a, b, c, d, e, f) };
    if result == -1 {
        return Err(last_errno());
    }
    Ok(result as u64)
}

fn last_errno() -> Errno {
    let number = std::io::Error::last_os_error().raw_os_error();
    number.and_then(Errno::from_raw).unwrap_or(Errno::EIO)
}

/// `clone3` without shared memory, as `fork`: yields zero in the child.
///
/// The child has only the calling thread, so that locks which other threads held stay locked there: call this in
/// single-threaded processes, or do nothing but system calls in the child.
pub(crate) fn clone3(args: &[u8; 88]) -> Result<i32> {
    let none = || Arg::Int(0);
    let result = syscall(
        glassdock_abi::nr::clone3,
        [
            Arg::In(args),
            Arg::from(args.len()),
            none(),
            none(),
            none(),
            none(),
        ],
    )?;
    Ok(result as i32)
}

/// Ends the process at once, without anything that runs at exit.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` does not return and touches no memory of ours.
    unsafe { libc::_exit(status) }
}

/// Sets the action of `SIGPIPE`: ignored, as Rust's start-up sets it, or the default, which programs expect.
pub(crate) fn set_sigpipe(ignore: bool) {
    let action = if ignore { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: neither action runs code of ours.
    unsafe {
        libc::signal(libc::SIGPIPE, action);
    }
}

/// Registers a copy of a descriptor with tokio's reactor.
///
/// # Errors
/// Those of `man 2 epoll_ctl`: `EPERM` for files that are always ready.
#[cfg(feature = "tokio")]
pub(crate) fn register(
    copy: crate::threaded::ready::Copy,
    interest: tokio::io::Interest,
) -> std::io::Result<tokio::io::unix::AsyncFd<crate::threaded::ready::Copy>> {
    // SAFETY: the copy owns its descriptor, always tells the same one, and closes it when dropped, which is after it was
    // deregistered.
    unsafe { tokio::io::unix::AsyncFd::register_with_interest(copy, interest) }
        .map_err(|error| error.into_parts().1)
}
