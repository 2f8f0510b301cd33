//! The user's terminal: its settings, its size, and the keys that leave a container.

use crate::error::{Fail, Result};
use glassdock_abi::call::IoctlReq;
use glassdock_abi::types::Termios;
use glassdock_abi::{Call, Fd, Sys};

/// Whether a descriptor is a terminal.
pub async fn is_terminal<S: Sys>(sys: &S, fd: Fd) -> bool {
    settings(sys, fd).await.is_some()
}

async fn settings<S: Sys>(sys: &S, fd: Fd) -> Option<Termios> {
    let call = Call::Ioctl {
        fd,
        request: IoctlReq::Tcgets,
    };
    sys.call(call)
        .await
        .ok()?
        .termios()
        .ok()
        .map(|termios| *termios)
}

/// Height and width of a terminal; zeros for anything else.
pub async fn size<S: Sys>(sys: &S, fd: Fd) -> [u32; 2] {
    let call = Call::Ioctl {
        fd,
        request: IoctlReq::Tiocgwinsz,
    };
    let size = sys.call(call).await.and_then(|ret| ret.winsize());
    size.map_or([0, 0], |size| [size.rows.into(), size.cols.into()])
}

/// A terminal that passes every byte on, until it is restored.
pub struct Raw<S: Sys> {
    sys: S,
    before: Termios,
}

impl<S: Sys> Raw<S> {
    /// Makes standard input raw; `None` where it is no terminal.
    pub async fn enter(sys: &S) -> Result<Option<Raw<S>>> {
        let Some(before) = settings(sys, Fd::STDIN).await else {
            return Ok(None);
        };
        let call = Call::Ioctl {
            fd: Fd::STDIN,
            request: IoctlReq::Tcsets(before.raw(), 0),
        };
        let wrong = |errno: glassdock_abi::Errno| {
            let errno = errno.message().to_lowercase();
            Fail::new(format!(
                "unable to setup input stream: unable to set IO streams as raw terminal: {errno}"
            ))
        };
        sys.call(call).await.map_err(wrong)?;
        Ok(Some(Raw {
            sys: sys.clone(),
            before,
        }))
    }

    /// Puts the settings back as they were.
    pub async fn restore(self) {
        let call = Call::Ioctl {
            fd: Fd::STDIN,
            request: IoctlReq::Tcsets(self.before, 0),
        };
        let _ = self.sys.call(call).await;
    }
}

/// The keys that leave a container by default: ctrl-p, ctrl-q.
pub const DEFAULT_KEYS: [u8; 2] = [16, 17];

/// Reads keys such as `ctrl-p,ctrl-q` or `a,b` (`term.ToBytes`).
pub fn keys(text: &str) -> Result<Vec<u8>, String> {
    let key = |key: &str| {
        let unknown = || format!("Unknown character: '{key}'");
        match key.as_bytes() {
            [byte] => Ok(*byte),
            _ => match key.strip_prefix("ctrl-").map(str::as_bytes) {
                Some([letter @ b'a'..=b'z']) => Ok(letter - b'a' + 1),
                Some(b"@") => Ok(0),
                Some(b"[") => Ok(27),
                Some(b"\\") => Ok(28),
                Some(b"]") => Ok(29),
                Some(b"^") => Ok(30),
                Some(b"_") => Ok(31),
                _ if key == "DEL" => Ok(127),
                _ => Err(unknown()),
            },
        }
    };
    text.split(',').map(key).collect()
}

/// Looks for the keys among what is typed. Keys that only begin the sequence are held back until it is clear.
#[derive(Clone, Debug)]
pub struct EscapeFilter {
    keys: Vec<u8>,
    matched: usize,
}

impl EscapeFilter {
    /// A filter for a sequence of keys.
    pub fn new(keys: Vec<u8>) -> EscapeFilter {
        EscapeFilter { keys, matched: 0 }
    }

    /// What is to be passed on of `typed`, and whether the whole sequence was typed.
    pub fn push(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut pass = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return (pass, true);
                }
                continue;
            }
            pass.extend_from_slice(&self.keys[..self.matched]);
            self.matched = usize::from(self.keys.first() == Some(byte) && self.keys.len() > 1);
            if self.matched == 0 {
                pass.push(*byte);
            }
        }
        (pass, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        assert_eq!(keys("ctrl-p,ctrl-q").unwrap(), DEFAULT_KEYS);
        assert_eq!(keys("a,ctrl-@,DEL,ctrl-[").unwrap(), [b'a', 0, 127, 27]);
        assert_eq!(keys("ctrl-1").unwrap_err(), "Unknown character: 'ctrl-1'");
    }

    #[test]
    fn only_the_whole_sequence_leaves_and_nothing_else_is_lost() {
        for (typed, passed, left) in [
            (&[&b"ls\r"[..]][..], &b"ls\r"[..], false),
            (&[b"a\x10\x11b"], b"a", true),
            (&[b"a\x10", b"\x11"], b"a", true),
            (&[b"\x10x"], b"\x10x", false),
            (&[b"\x10\x10\x11"], b"\x10", true),
            (&[b"\x11\x10"], b"\x11", false),
        ] {
            let mut filter = EscapeFilter::new(DEFAULT_KEYS.to_vec());
            let (mut all, mut out) = (Vec::new(), false);
            for piece in typed {
                let (pass, done) = filter.push(piece);
                all.extend(pass);
                out |= done;
            }
            assert_eq!((all.as_slice(), out), (passed, left));
        }
    }
}
