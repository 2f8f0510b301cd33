//! The simulated host: a kernel, its files, our programs, a first process, a console.
//!
//! The host is a small but ordinary one. Its first process is busybox's `init`, which reads `/etc/inittab`: a shell is
//! started there on the console, and a socket that starts the engine when it is first needed. The engine, the runtime, the shim and the `docker`
//! command are built-in programs: files that name them are in the host's archive, the functions are registered here.

use bytes::Bytes;
use core::fmt;
use futures_util::FutureExt;
use glassdock_abi::types::{Dev, Winsize, mode};
use glassdock_abi::{BoxFuture, Errno};
use glassdock_image::compress::Decompressed;
use glassdock_image::source::read_all;
use glassdock_image::tar::{Entry, Kind, Reader};
use glassdock_kernel::{Config, ConsoleId, ImportMeta, ImportNode, Kernel, Task};

/// Where the host keeps the image that it came with, in the directory that its engine loads at the start.
pub const IMAGE: &str = "usr/share/docker/busybox.tar.gz";
/// The first process.
pub const INIT: &str = "/sbin/init";
/// Largest file of the host in bytes.
const FILE_MAX: u64 = 64 << 20;

/// The archives that a host is made of, as `cargo xtask images` makes them.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The root file system: a tar archive, usually compressed (`host.tar.gz`).
    pub host: &'a [u8],
    /// The image that the engine finds, as `docker load` reads it (`busybox.tar.gz`).
    pub busybox: &'a [u8],
}

/// Why a machine could not be put together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BootError {
    /// The host's archive cannot be read.
    Archive(glassdock_image::Error),
    /// A file of the host cannot be made: its path, and why.
    File(String, Errno),
    /// The system's mounts, the console or the first process: which, and why.
    Start(&'static str, Errno),
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootError::Archive(error) => write!(f, "the host's archive: {error}"),
            BootError::File(path, errno) => write!(f, "{path}: {}", errno.message()),
            BootError::Start(what, errno) => write!(f, "{what}: {}", errno.message()),
        }
    }
}

impl std::error::Error for BootError {}

impl From<glassdock_image::Error> for BootError {
    fn from(error: glassdock_image::Error) -> BootError {
        BootError::Archive(error)
    }
}

/// Puts a host together and starts its first process, which has not run yet: [`Kernel::run`] does that.
///
/// `window` is the size of the console, which is the host's `/dev/console`; `term` the kind of terminal that shows it,
/// as `TERM` names it.
///
/// # Errors
/// Archives that are damaged or hold what a host cannot have.
pub fn boot(
    images: &Images,
    config: Config,
    window: Winsize,
    term: &str,
) -> Result<(Kernel, ConsoleId), BootError> {
    let mut kernel = Kernel::new(config);
    register(&mut kernel);
    unpack(&mut kernel, images.host)?;
    let meta = ImportMeta {
        mode: 0o644,
        ..ImportMeta::default()
    };
    put(
        &mut kernel,
        IMAGE.as_bytes(),
        &meta,
        ImportNode::File(images.busybox),
    )?;
    let start = |what| move |errno| BootError::Start(what, errno);
    kernel
        .mount_system()
        .map_err(start("the system's mounts"))?;
    let console = kernel.open_console(window).map_err(start("the console"))?;
    // What Linux gives its first process, and what the loader's command line adds to it.
    let environment = ["HOME=/", &format!("TERM={term}")];
    kernel
        .boot(INIT, &["init"], &environment, Some(console))
        .map_err(start(INIT))?;
    Ok((kernel, console))
}

/// Makes our programs known to a kernel, by the names that the host's files have for them.
pub fn register(kernel: &mut Kernel) {
    kernel.register("docker", docker);
    kernel.register("dockerd", dockerd);
    kernel.register("socket-activate", activate);
    kernel.register("shim", shim);
    kernel.register("runtime", runtime);
}

type Strings = Vec<Vec<u8>>;

fn docker(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_cli::main(task, argv, envp))
}

fn dockerd(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_engine::daemon::main(task, argv, envp))
}

fn activate(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_engine::activate::main(task, argv, envp))
}

fn shim(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::shim::main(task, argv, envp))
}

fn runtime(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::helper::main(task, argv, envp))
}

/// Unpacks the host's files.
fn unpack(kernel: &mut Kernel, archive: &[u8]) -> Result<(), BootError> {
    let unpacking = async {
        let source = Decompressed::new(Bytes::copy_from_slice(archive)).await?;
        let mut reader = Reader::new(source);
        while let Some(entry) = reader.next().await? {
            let content = match entry.kind {
                Kind::File => read_all(reader.contents(), "a file of the host", FILE_MAX).await?,
                _ => Vec::new(),
            };
            place(kernel, &entry, &content)?;
        }
        Ok(())
    };
    // All of the archive is there, so nothing waits.
    unpacking.now_or_never().unwrap_or(Err(BootError::Archive(
        glassdock_image::Error::UnexpectedEof,
    )))
}

fn place(kernel: &mut Kernel, entry: &Entry, content: &[u8]) -> Result<(), BootError> {
    let meta = ImportMeta {
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
    };
    let device = Dev::new(entry.device.0, entry.device.1);
    let node = match entry.kind {
        Kind::File => ImportNode::File(content),
        Kind::Dir => ImportNode::Directory,
        Kind::Symlink => ImportNode::Symlink(&entry.link),
        Kind::HardLink => ImportNode::Hardlink(relative(&entry.link)),
        Kind::Char => ImportNode::Special(mode::S_IFCHR, device),
        Kind::Block => ImportNode::Special(mode::S_IFBLK, device),
        Kind::Fifo => ImportNode::Special(mode::S_IFIFO, device),
    };
    put(kernel, relative(&entry.path), &meta, node)
}

fn relative(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    if path == b"." { b"" } else { path }
}

fn put(
    kernel: &mut Kernel,
    path: &[u8],
    meta: &ImportMeta,
    node: ImportNode,
) -> Result<(), BootError> {
    kernel
        .import(path, meta, node)
        .map_err(|errno| BootError::File(String::from_utf8_lossy(path).into_owned(), errno))
}
