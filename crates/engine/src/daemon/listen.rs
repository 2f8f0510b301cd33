//! Where the daemon listens.

use crate::engine::system;
use crate::error::{ApiError, Result};
use glassdock_abi::call::Call;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::types::{SockAddr, mode};
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg, Sys};
use glassdock_image::fs;
use std::fmt;
use std::net::SocketAddrV4;

/// Connections that wait to be accepted; Linux takes no more than `net.core.somaxconn`, as much by default.
const BACKLOG: u32 = 4096;
/// Largest `/etc/group` that is read, in bytes.
const MAX_GROUP: u64 = 1 << 20;

/// An address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// A unix socket, by its absolute path.
    Unix(String),
    /// A TCP port of the loopback network.
    Tcp(SocketAddrV4),
    /// The socket that the daemon was started with ([`crate::activate`]).
    Activated,
}

impl Host {
    /// Reads `unix://PATH`, an absolute path, `tcp://127.0.0.1:PORT` or `fd://`.
    ///
    /// # Errors
    /// Why the text is no such address. Without TLS, whoever reaches a port is root; so only this machine may.
    pub fn parse(text: &str) -> Result<Host, String> {
        if text == "fd://" {
            return Ok(Host::Activated);
        }
        if let Some(address) = text.strip_prefix("tcp://") {
            let address: SocketAddrV4 = address
                .parse()
                .map_err(|_| format!("{text:?} is no address of the form tcp://127.0.0.1:PORT"))?;
            if !address.ip().is_loopback() {
                return Err(format!(
                    "{text:?} can be reached from other machines, and TLS is not supported"
                ));
            }
            return Ok(Host::Tcp(address));
        }
        let path = text.strip_prefix("unix://").unwrap_or(text);
        if !path.starts_with('/') {
            return Err(format!("{text:?} is no absolute path"));
        }
        Ok(Host::Unix(path.trim_end_matches('/').to_string()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Unix(path) => write!(f, "unix://{path}"),
            Host::Tcp(address) => write!(f, "tcp://{address}"),
            Host::Activated => f.write_str("fd://"),
        }
    }
}

/// Group that may use a socket of ours where nothing else is said.
pub(crate) const GROUP: &str = "docker";

/// Listens on an address. A unix socket may be used by root and by a group, where there is one of this name.
pub(crate) async fn listen<S: Sys>(sys: &S, host: &Host, group: &str) -> Result<OwnedFd<S>> {
    let fail = |errno: Errno| system(format_args!("listen on {host}"))(errno);
    let socket = match host {
        Host::Unix(path) => unix(sys, path, group).await?,
        Host::Tcp(address) => tcp(sys, address).await.map_err(fail)?,
        Host::Activated => {
            let why = "no sockets found via socket activation: make sure the service was started by systemd";
            return Err(ApiError::system(why));
        }
    };
    sys.listen(socket.fd(), BACKLOG).await.map_err(fail)?;
    Ok(socket)
}

async fn tcp<S: Sys>(sys: &S, address: &SocketAddrV4) -> Result<OwnedFd<S>, Errno> {
    const REUSE_ADDRESS: (u32, u32) = (1, 2);
    /// Without it, small answers wait for each other; accepted connections have it from the listener.
    const NO_DELAY: (u32, u32) = (6, 1);
    let socket = sys.socket_inet().await?;
    for (level, name) in [REUSE_ADDRESS, NO_DELAY] {
        let call = Call::Setsockopt {
            fd: socket.fd(),
            level,
            name,
            value: 1,
        };
        sys.call(call).await?;
    }
    sys.bind(socket.fd(), SockAddr::inet(address)).await?;
    Ok(socket)
}

async fn unix<S: Sys>(sys: &S, path: &str, group: &str) -> Result<OwnedFd<S>> {
    let fail = |errno: Errno| system(format_args!("listen on unix://{path}"))(errno);
    if let Some((dir, _)) = path.rsplit_once('/').filter(|(dir, _)| !dir.is_empty()) {
        fs::create_dir_all(sys, &PathArg::from(dir), 0o755).await?;
    }
    let at = PathArg::from(path);
    let socket = sys.socket_stream().await.map_err(fail)?;
    let address = SockAddr::Unix(at.clone());
    match sys.bind(socket.fd(), address.clone()).await {
        Err(Errno::EADDRINUSE) => {
            remove_stale(sys, path).await?;
            sys.bind(socket.fd(), address).await.map_err(fail)?;
        }
        bound => bound.map_err(fail)?,
    }
    let gid = group_id(sys, group).await;
    sys.call(Call::Fchownat {
        dirfd: Fd::CWD,
        path: at.clone(),
        uid: u32::MAX,
        gid: gid.unwrap_or(u32::MAX),
        flags: AtFlags::empty(),
    })
    .await
    .map_err(fail)?;
    sys.call(Call::Fchmodat {
        dirfd: Fd::CWD,
        path: at,
        mode: 0o660,
        flags: AtFlags::empty(),
    })
    .await
    .map_err(fail)?;
    Ok(socket)
}

/// Removes the socket that a daemon which died has left; nothing else.
async fn remove_stale<S: Sys>(sys: &S, path: &str) -> Result<()> {
    let fail = |errno: Errno| system(format_args!("listen on unix://{path}"))(errno);
    let at = PathArg::from(path);
    let found = sys
        .statx(Fd::CWD, at.clone(), AtFlags::SYMLINK_NOFOLLOW)
        .await
        .map_err(fail)?;
    if !found.is(mode::S_IFSOCK) {
        return Err(ApiError::system(format!(
            "listen on unix://{path}: there is a file that is no socket"
        )));
    }
    let probe = sys.socket_stream().await.map_err(fail)?;
    match sys.connect(probe.fd(), SockAddr::Unix(at.clone())).await {
        Err(Errno::ECONNREFUSED) => {}
        Ok(()) | Err(Errno::EAGAIN) => {
            return Err(ApiError::system(format!(
                "listen on unix://{path}: another process is listening there"
            )));
        }
        Err(errno) => return Err(fail(errno)),
    }
    sys.unlinkat(Fd::CWD, at, AtFlags::empty())
        .await
        .map_err(fail)
}

/// A group's number (`man 5 group`).
async fn group_id<S: Sys>(sys: &S, name: &str) -> Option<u32> {
    let text = fs::read_file(sys, &PathArg::from("/etc/group"), MAX_GROUP)
        .await
        .ok()?;
    group_in(&String::from_utf8_lossy(&text), name)
}

fn group_in(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_and_those_that_others_could_reach_refused() {
        for (text, host) in [
            ("unix:///a/b/", "unix:///a/b"),
            ("/s", "unix:///s"),
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
            ("fd://", "fd://"),
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), host);
        }
        for text in [
            "",
            "s",
            "unix://s",
            "tcp://localhost:1",
            "tcp://0.0.0.0:2375",
            "tcp://10.0.0.1:2375",
            "tcp://127.0.0.1",
            "fd://3",
        ] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_group_is_found_by_its_name_alone() {
        let text = "root:x:0:\nbroken\nmydocker:x:7:\ndocker:x:999:a,b\n";
        assert_eq!(group_in(text, "docker"), Some(999));
        assert_eq!(group_in(text, "x"), None);
        assert_eq!(group_in("docker:x:many:", "docker"), None);
    }
}
