//! A program that is about to take this process's place.

use super::{path, sys, text};
use crate::original;
use crate::raw::{Texts, set_sigpipe};
use glassdock_abi::flags::AtFlags;
use glassdock_abi::{Errno, Fd, PathArg, Result, nr};
use std::ffi::CString;

/// A program, ready to be run without taking memory.
pub(crate) struct Program {
    dirfd: Fd,
    path: CString,
    argv: Texts,
    envp: Texts,
    flags: AtFlags,
}

impl Program {
    /// Encodes the arguments of `man 2 execveat`.
    pub fn new(
        dirfd: Fd,
        program: &PathArg,
        argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
        flags: AtFlags,
    ) -> Result<Program> {
        let texts = |list: Vec<Vec<u8>>| {
            let texts: Result<Vec<CString>> = list.iter().map(|item| text(item)).collect();
            texts.map(Texts::new)
        };
        Ok(Program {
            dirfd,
            path: path(program)?,
            argv: texts(argv)?,
            envp: texts(envp)?,
            flags,
        })
    }

    /// Runs it in this process's place, with the signals as a program expects them. Returns only on failure.
    pub fn exec(&self) -> Errno {
        let blocked = original::give_back();
        set_sigpipe(false);
        let (path, argv, envp) = (self.path.as_c_str(), &self.argv, &self.envp);
        let result = if self.dirfd == Fd::CWD && self.flags.is_empty() {
            sys!(nr::execve, path, argv, envp)
        } else {
            sys!(
                nr::execveat,
                self.dirfd.0,
                path,
                argv,
                envp,
                self.flags.bits()
            )
        };
        set_sigpipe(true);
        original::take_again(blocked);
        result.err().unwrap_or(Errno::EIO)
    }
}
