//! What a daemon is to its host: the signals that end it, its pid file, its sockets.

use super::listen::{self, Host};
use crate::activate;
use crate::engine::{Config, Kernel, system};
use crate::error::Result;
use glassdock_abi::call::Call;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::types::signal;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg};
use glassdock_image::fs;

/// A daemon's front. It is not taken away by dropping it.
pub struct Front<'a, S: Kernel> {
    sys: &'a S,
    config: &'a Config,
    signals: Option<OwnedFd<S>>,
    inherited: Option<OwnedFd<S>>,
}

impl<'a, S: Kernel> Front<'a, S> {
    /// Catches the signals that end a daemon and writes its pid file. `envp` says which socket it was started with.
    ///
    /// # Errors
    /// Where the file cannot be written, or there is no socket that should be there.
    pub async fn open(sys: &'a S, config: &'a Config, envp: &[Vec<u8>]) -> Result<Front<'a, S>> {
        // Before anything is started that would be left behind.
        let signals = catch_signals(sys).await;
        if let Some(path) = &config.pid_file {
            write_pid(sys, path).await?;
        }
        let inherited = match config.hosts.contains(&Host::Activated) {
            true => Some(activate::inherited(sys, envp).await?),
            false => None,
        };
        Ok(Front {
            sys,
            config,
            signals,
            inherited,
        })
    }

    /// Listens on the addresses.
    ///
    /// # Errors
    /// Why one of them cannot be listened on.
    pub async fn listen(&mut self) -> Result<Vec<OwnedFd<S>>> {
        let mut listeners = Vec::new();
        for host in &self.config.hosts {
            let listener = match (host, self.inherited.take()) {
                (Host::Activated, Some(socket)) => socket,
                (host, socket) => {
                    self.inherited = socket;
                    listen::listen(self.sys, host, &self.config.group).await?
                }
            };
            listeners.push(listener);
        }
        Ok(listeners)
    }

    /// A descriptor that can be read once a signal asked the daemon to end.
    pub fn signals(&self) -> Option<Fd> {
        self.signals.as_ref().map(OwnedFd::fd)
    }

    /// Waits until a signal asks the daemon to end.
    pub async fn asked_to_end(&self) {
        const RECORD: u64 = 128;
        if let Some(signals) = self.signals() {
            loop {
                match self.sys.read(signals, RECORD).await {
                    Ok(_) => return,
                    Err(Errno::EINTR) => {}
                    Err(_) => break,
                }
            }
        }
        futures_util::future::pending().await
    }

    /// Takes the sockets away, so that nobody finds the daemon any more.
    pub async fn hide(&self) {
        for host in &self.config.hosts {
            // The socket of who started this one is not the daemon's to remove.
            if let Host::Unix(path) = host {
                remove(self.sys, path).await;
            }
        }
    }

    /// Takes the pid file away, as the last thing.
    pub async fn close(self) {
        if let Some(path) = &self.config.pid_file {
            remove(self.sys, path).await;
        }
    }
}

async fn remove<S: Kernel>(sys: &S, path: &str) {
    // What is gone is as good.
    let _ = sys
        .unlinkat(Fd::CWD, PathArg::from(path), AtFlags::empty())
        .await;
}

/// Writes this process's id to a file. `/proc` knows it, whichever thread asks.
async fn write_pid<S: Kernel>(sys: &S, path: &str) -> Result<()> {
    let pid = sys
        .readlinkat(Fd::CWD, "/proc/self".into())
        .await
        .map_err(system("read /proc/self"))?;
    Ok(fs::write_atomic(sys, &PathArg::from(path), &pid, 0o644).await?)
}

/// Blocks the signals that end the daemon and opens a descriptor that yields them.
async fn catch_signals<S: Kernel>(sys: &S) -> Option<OwnedFd<S>> {
    const BLOCK: u32 = 0;
    let mask = 1 << (signal::TERM - 1) | 1 << (signal::INT - 1);
    sys.call(Call::RtSigprocmask {
        how: BLOCK,
        set: mask,
    })
    .await
    .ok()?;
    sys.signalfd(mask).await.ok()
}
