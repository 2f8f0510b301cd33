//! The program `dockerd`.

use crate::container::restore_all;
use crate::engine::{Config, Engine, Facts, Kernel, system};
use crate::error::{ApiError, Result};
use crate::images::{ImageStore, restore_text, sweep_tmp};
use crate::{activate, http, names};
use futures_util::future::join_all;
use futures_util::{FutureExt, pin_mut, select_biased};
use glassdock_abi::call::Call;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::signal;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg};
use glassdock_image::fs;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 1024;
/// Seconds that containers have to end when the engine does (moby's `--shutdown-timeout`).
const SHUTDOWN_TIMEOUT: i64 = 15;

/// The host that stands for the socket of socket activation.
const ACTIVATED: &str = "fd://";

const USAGE: &str = "\
Usage: dockerd [OPTIONS]

Runs containers for clients of the Docker API.

Options:
  -H, --host unix://PATH   Socket to listen on
      --host fd://         Socket that the daemon was started with
      --preload PATH       Directory of archives with images to load
      --data-root PATH     Directory of images and containers
      --exec-root PATH     Directory of what runs
      --shim PATH          Program that looks after one container
      --runtime PATH       Program that makes containers
      --help               Print this text
";

/// The daemon. Ends with 0 after `SIGTERM` or `SIGINT`, having stopped the containers; with 1 where it cannot run; with
/// 125 for arguments that it does not know.
pub async fn main<S: Kernel>(sys: S, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> u8 {
    let config = match parse_args(&argv) {
        Ok(Some(config)) => config,
        Ok(None) => {
            say(&sys, Fd::STDOUT, USAGE).await;
            return 0;
        }
        Err(why) => {
            say(
                &sys,
                Fd::STDERR,
                &format!("dockerd: {why}\nSee 'dockerd --help'.\n"),
            )
            .await;
            return 125;
        }
    };
    match run(&sys, config, &envp).await {
        Ok(()) => 0,
        Err(error) => {
            say(
                &sys,
                Fd::STDERR,
                &format!("failed to start daemon: {error}\n"),
            )
            .await;
            1
        }
    }
}

async fn say<S: Kernel>(sys: &S, fd: Fd, text: &str) {
    let _ = fs::write_all(sys, fd, text.as_bytes()).await;
}

/// Reads the arguments; nothing when the help is asked for.
fn parse_args(argv: &[Vec<u8>]) -> Result<Option<Config>, String> {
    let mut config = Config::default();
    let words: Vec<String> = argv
        .iter()
        .skip(1)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--help" {
            return Ok(None);
        }
        let (name, given) = match word.split_once('=') {
            Some((name, value)) => (name.to_string(), Some(value.to_string())),
            None => (word.clone(), None),
        };
        let place = match name.as_str() {
            "-H" | "--host" => &mut config.socket,
            "--data-root" => &mut config.root,
            "--exec-root" => &mut config.run,
            "--shim" => &mut config.shim,
            "--runtime" => &mut config.runtime,
            "--preload" => config.preload.get_or_insert_default(),
            _ if word.starts_with('-') => return Err(format!("unknown flag: {name}")),
            _ => return Err(format!("unexpected argument: {word}")),
        };
        let value = given
            .or_else(|| words.next())
            .ok_or_else(|| format!("flag needs an argument: {name}"))?;
        let path = value.strip_prefix("unix://").unwrap_or(&value);
        if path == ACTIVATED && matches!(name.as_str(), "-H" | "--host") {
            *place = path.to_string();
            continue;
        }
        if !path.starts_with('/') {
            return Err(format!("{name}: {value:?} is no absolute path"));
        }
        *place = path.trim_end_matches('/').to_string();
    }
    Ok(Some(config))
}

async fn run<S: Kernel>(sys: &S, config: Config, envp: &[Vec<u8>]) -> Result<()> {
    // Before anything is started that would be left behind.
    let signals = catch_signals(sys).await;
    let _lock = prepare(sys, &config).await?;
    let activated = config.socket == ACTIVATED;
    let inherited = match activated {
        true => Some(activate::inherited(sys, envp).await?),
        false => None,
    };
    let engine = bring_up(sys, config.clone()).await?;
    let listener = match inherited {
        Some(socket) => socket,
        None => activate::listen(sys, &config.socket).await?,
    };
    let router = http::router(engine.clone());
    {
        let serving = glassdock_http::serve(sys.clone(), listener, router, MAX_CONNECTIONS).fuse();
        let asked = wait_for_signal(sys, signals).fuse();
        pin_mut!(serving, asked);
        select_biased! {
            () = asked => {}
            errno = serving => return Err(system("accept")(errno)),
        }
    }
    // The socket of who started this one is not the daemon's to remove.
    if !activated {
        let path = PathArg::from(&config.socket);
        let _ = sys.unlinkat(Fd::CWD, path, AtFlags::empty()).await;
    }
    shut_down(&engine).await;
    Ok(())
}

/// Makes the directories, and takes the lock that keeps a second daemon away.
async fn prepare<S: Kernel>(sys: &S, config: &Config) -> Result<OwnedFd<S>> {
    const LOCK_EX_NB: u32 = 2 | 4;
    let root = PathArg::from(&config.root);
    fs::create_dir_all(sys, &root, 0o710).await?;
    fs::create_dir_all(sys, &PathArg::from(&config.run), 0o711).await?;
    let path = root.join("engine.lock");
    let flags = OpenFlags::RDWR | OpenFlags::CREAT | OpenFlags::NOFOLLOW;
    let lock = sys
        .openat(Fd::CWD, path.clone(), flags, 0o600)
        .await
        .map_err(system(format_args!("open {path}")))?;
    match sys
        .call(Call::Flock {
            fd: lock.fd(),
            operation: LOCK_EX_NB,
        })
        .await
    {
        // A kernel without file locks has nobody else to keep away.
        Ok(_) | Err(Errno::ENOSYS | Errno::EINVAL) => Ok(lock),
        Err(Errno::EAGAIN) => Err(ApiError::system(format!(
            "another daemon is running on {}",
            config.root
        ))),
        Err(errno) => Err(system(format_args!("lock {path}"))(errno)),
    }
}

/// Reads the state back and takes up what still runs.
async fn bring_up<S: Kernel>(sys: &S, config: Config) -> Result<Engine<S>> {
    let root = PathArg::from(&config.root);
    sweep_tmp(sys, &root).await?;
    let images = ImageStore::restore(sys, &root).await?;
    let id = engine_id(sys, &root).await?;
    let preload = config.preload.as_deref().map(PathArg::from);
    let engine = Engine::new(sys.clone(), config, Facts::read(sys).await, id, images);
    engine.announce_images();
    // What a container that could not be read has is not known, so nothing is swept then.
    if restore_all(&engine).await? {
        engine.sweep().await?;
    }
    if let Some(dir) = preload {
        for line in engine.preload(&dir).await? {
            say(sys, Fd::STDERR, &format!("{line}\n")).await;
        }
    }
    Ok(engine)
}

/// The engine's id: made once, kept (moby `daemon/id.go`).
async fn engine_id<S: Kernel>(sys: &S, root: &PathArg) -> Result<String> {
    let path = root.join("engine-id");
    if let Some(id) = restore_text(sys, &path).await?.filter(|id| !id.is_empty()) {
        return Ok(id);
    }
    let random = names::random_id(sys).await.map_err(system("getrandom"))?;
    let part = |from: usize, to: usize| random.get(from..to).unwrap_or_default();
    let id = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-");
    fs::write_atomic(sys, &path, id.as_bytes(), 0o600).await?;
    Ok(id)
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

async fn wait_for_signal<S: Kernel>(sys: &S, signals: Option<OwnedFd<S>>) {
    const RECORD: u64 = 128;
    if let Some(signals) = signals {
        loop {
            match sys.read(signals.fd(), RECORD).await {
                Ok(_) => return,
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
    }
    futures_util::future::pending().await
}

/// Stops all containers, all at once.
async fn shut_down<S: Kernel>(engine: &Engine<S>) {
    let containers = engine.containers();
    let stops = containers
        .iter()
        .map(|container| engine.stop(container, "", Some(SHUTDOWN_TIMEOUT)));
    join_all(stops).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Option<Config>, String> {
        parse_args(
            &["dockerd"]
                .iter()
                .chain(words)
                .map(|word| word.as_bytes().to_vec())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn arguments_are_read_and_wrong_ones_refused() {
        let config = parsed(&["-H", "unix:///s", "--data-root=/d/", "--shim", "/x"])
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                config.socket.as_str(),
                config.root.as_str(),
                config.shim.as_str()
            ),
            ("/s", "/d", "/x")
        );
        let config = parsed(&["-H", "fd://", "--preload", "/i"])
            .unwrap()
            .unwrap();
        assert_eq!(
            (config.socket.as_str(), config.preload.as_deref()),
            ("fd://", Some("/i"))
        );
        assert!(parsed(&["--help"]).unwrap().is_none());
        for (words, why) in [
            (&["--nope"][..], "unknown flag: --nope"),
            (&["x"], "unexpected argument: x"),
            (&["-H"], "flag needs an argument: -H"),
            (&["-H", "tcp://x"], "-H: \"tcp://x\" is no absolute path"),
            (
                &["--data-root", "fd://"],
                "--data-root: \"fd://\" is no absolute path",
            ),
        ] {
            assert_eq!(parsed(words).unwrap_err(), why);
        }
    }
}
