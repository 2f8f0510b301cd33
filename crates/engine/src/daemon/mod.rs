//! The program `dockerd`.

mod args;
mod front;
pub(crate) mod listen;
mod shutdown;

pub use front::Front;
pub use listen::Host;

use crate::container::restore_all;
use crate::engine::{Config, Engine, Facts, Kernel, LogLevel, system};
use crate::error::{ApiError, Result};
use crate::images::{ImageStore, restore_text, sweep_tmp};
use crate::{http, names};
use futures_util::future::select_all;
use futures_util::{FutureExt, pin_mut, select_biased};
use glassdock_abi::call::Call;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::resource::NOFILE;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg, Pid};
use glassdock_image::fs;

/// Connections at a time.
const MAX_CONNECTIONS: u64 = 1024;
/// Descriptors that a connection may need: its own, what waits for it to be ready, and what its request opens.
const DESCRIPTORS_PER_CONNECTION: u64 = 4;

/// The daemon. Ends with 0 after `SIGTERM` or `SIGINT`, having stopped the containers; with 1 where it cannot run; with
/// 125 for arguments that it does not know.
pub async fn main<S: Kernel>(sys: S, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> u8 {
    let config = match args::parse(&argv) {
        Ok(Some(config)) => config,
        Ok(None) => {
            say(&sys, Fd::STDOUT, args::USAGE).await;
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
    let ran = async {
        let _lock = lock(&sys, &config).await?;
        run(&sys, config, &envp).await
    };
    match ran.await {
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
    let _ = write_all(sys, fd, text.as_bytes()).await;
}

/// The daemon from its start to its end, for who has taken the [`lock`]. `envp` says which socket it was started with.
///
/// # Errors
/// What keeps it from starting, or from listening on.
pub async fn run<S: Kernel>(sys: &S, config: Config, envp: &[Vec<u8>]) -> Result<()> {
    let mut front = Front::open(sys, &config, envp).await?;
    let engine = bring_up(sys, config.clone()).await?;
    let listeners = front.listen().await?;
    for host in &config.hosts {
        engine
            .log(LogLevel::Info, format!("listening on {host}"))
            .await;
    }
    let router = http::router(engine.clone());
    let connections = max_connections(sys, listeners.len()).await?;
    {
        let serve = |listener| {
            let serving = glassdock_http::serve(sys.clone(), listener, router.clone(), connections);
            Box::pin(serving)
        };
        let serving = select_all(listeners.into_iter().map(serve)).fuse();
        let asked = front.asked_to_end().fuse();
        pin_mut!(serving, asked);
        select_biased! {
            () = asked => {}
            (errno, _, _) = serving => return Err(system("accept")(errno)),
        }
    }
    engine
        .log(LogLevel::Info, "stopping the containers".into())
        .await;
    front.hide().await;
    shutdown::shut_down(&engine).await;
    front.close().await;
    Ok(())
}

/// How many connections each of the listeners has at a time: so many that descriptors do not run out, which would break
/// those that are there.
async fn max_connections<S: Kernel>(sys: &S, listeners: usize) -> Result<usize> {
    let call = Call::Prlimit64 {
        pid: Pid(0),
        resource: NOFILE,
        new: None,
    };
    let limit = sys.call(call).await.and_then(|ret| ret.rlimit());
    let files = limit.map_err(system("ask how many files may be open"))?.cur;
    let all = (files / DESCRIPTORS_PER_CONNECTION).min(MAX_CONNECTIONS) as usize;
    Ok((all / listeners.max(1)).max(1))
}

/// Makes the directories, and takes the lock that keeps a second daemon away as long as the result lives.
///
/// # Errors
/// 500 where another daemon has it, or the directories cannot be made.
pub async fn lock<S: Kernel>(sys: &S, config: &Config) -> Result<[OwnedFd<S>; 2]> {
    let root = PathArg::from(&config.root);
    fs::create_dir_all(sys, &root, 0o710).await?;
    fs::create_dir_all(sys, &PathArg::from(&config.run), 0o711).await?;
    let path = root.join("engine.lock");
    let flags = OpenFlags::RDWR | OpenFlags::CREAT | OpenFlags::NOFOLLOW;
    let of_root = hold(sys, &path, (flags, 0o600), &config.root).await?;
    // Here other files have names of their own, so the directory itself is locked.
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY;
    let of_run = hold(sys, &PathArg::from(&config.run), (flags, 0), &config.run).await?;
    Ok([of_root, of_run])
}

/// Opens and locks a file that stands for a directory.
async fn hold<S: Kernel>(
    sys: &S,
    path: &PathArg,
    (flags, mode): (OpenFlags, u32),
    dir: &str,
) -> Result<OwnedFd<S>> {
    const LOCK_EX_NB: u32 = 2 | 4;
    let lock = sys
        .openat(Fd::CWD, path.clone(), flags, mode)
        .await
        .map_err(system(format_args!("open {path}")))?;
    let call = Call::Flock {
        fd: lock.fd(),
        operation: LOCK_EX_NB,
    };
    match sys.call(call).await {
        // A kernel without file locks has nobody else to keep away.
        Ok(_) | Err(Errno::ENOSYS | Errno::EINVAL) => Ok(lock),
        Err(Errno::EAGAIN) => Err(ApiError::system(format!(
            "another daemon is running on {dir}"
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
