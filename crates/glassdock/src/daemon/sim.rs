//! The daemon on a simulated kernel: a machine in this process, and its socket relayed to real ones.

use super::options::Sim;
use glassdock_abi::PathArg;
use glassdock_engine::Config;
use glassdock_linux::Direct;
use glassdock_playground::host::Images;
use glassdock_playground::machine::{Machine, Setup};
use glassdock_playground::relay::{self, Recorder};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the images are, seen from the directory of this program.
const IMAGES: &str = "../share/glassdock";

/// Runs the daemon to its end.
pub(super) fn run(
    mut config: Config,
    group_given: bool,
    sim: Sim,
    envp: &[Vec<u8>],
) -> Result<(), String> {
    // Who is not root can give a socket to no group that they are not in.
    if !group_given && !rustix::process::geteuid().is_root() {
        config.group = String::new();
    }
    let setup = setup()?;
    let machine = boot(&sim.images.map_or_else(beside_program, Ok)?, setup)?;
    let direct = Direct::new().map_err(|errno| format!("set up: {errno}"))?;
    direct.block_on(async {
        let recorder = match sim.input_log {
            Some(path) => Some(Recorder::create(&direct, PathArg::from(path), setup).await?),
            None => None,
        };
        relay::run(&direct, machine, &config, envp, recorder).await
    })
}

/// A machine that begins now. Two that begin at different times differ in everything random.
fn setup() -> Result<Setup, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos());
    let now = u64::try_from(nanos).map_err(|_| "the clock is centuries ahead")?;
    Ok(Setup {
        seed: now,
        boot_time: now,
    })
}

fn beside_program() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("find this program: {error}"))?;
    let dir = program.parent().unwrap_or(Path::new("/"));
    Ok(dir.join(IMAGES))
}

fn boot(images: &Path, setup: Setup) -> Result<Machine, String> {
    let read = |name: &str| {
        let path = images.join(name);
        std::fs::read(&path).map_err(|error| {
            format!(
                "{}: {error}: `cargo xtask images` makes it, --images says where it is",
                path.display()
            )
        })
    };
    let (host, busybox) = (read("host.tar.gz")?, read("busybox.tar.gz")?);
    let images = Images {
        host: &host,
        busybox: &busybox,
    };
    Machine::boot_unwatched(&images, setup)
}
