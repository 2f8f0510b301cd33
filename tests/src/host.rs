//! Running busybox scripts on the host's kernel. Needs root.

use crate::surroundings::{self, Stage};
use crate::userland::{Outcome, script, stage};
use crate::{terminal, userland};
use anyhow::{Context, Result, ensure};
use futures_util::future::{Either, select};
use glassdock_abi::Sys;
use glassdock_linux::Direct;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Nanoseconds that an act may take.
const LIMIT: u64 = 60_000_000_000;
/// The variable that tells this program to be an act's outer process; its value is the script's name, or the terminal
/// scenario's with how long it waits.
const ROLE: &str = "GLASSDOCK_ACT";
/// Exit status of that process when it could not do its work.
const FAILED: i32 = 99;

/// Runs a script. Processes with threads cannot clone themselves, so another instance of this program does it, which
/// must call [`outer_process`] first of all.
///
/// # Errors
/// Without root, or where the surroundings cannot be made.
pub fn run(name: &str) -> Result<Outcome> {
    start_again(name)
}

/// Plays a terminal's scenario, as [`run`] runs a script. Somebody who waits takes what is not shown within `quiet`
/// nanoseconds for not coming.
///
/// # Errors
/// Those of [`run`].
pub fn play(name: &str, quiet: u64) -> Result<Outcome> {
    start_again(&format!("{name}:{quiet}"))
}

fn start_again(role: &str) -> Result<Outcome> {
    let place = Place::new()?;
    let output = Command::new(std::env::current_exe()?)
        .env(ROLE, role)
        .arg(&place.0)
        .stdin(Stdio::null())
        .output()
        .context("starting this program again")?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "on the host: {message}");
    let (status, output) = output
        .stdout
        .split_first_chunk()
        .context("no status from the host")?;
    Ok(Outcome {
        output: output.to_vec(),
        status: i32::from_le_bytes(*status),
    })
}

/// Runs a script and ends the process, where [`run`] started it for that.
pub fn outer_process() {
    let Some(name) = std::env::var_os(ROLE) else {
        return;
    };
    let result = outcome(&name.to_string_lossy()).and_then(|outcome| {
        let mut stdout = std::io::stdout();
        stdout.write_all(&outcome.status.to_le_bytes())?;
        stdout.write_all(&outcome.output)?;
        Ok(stdout.flush()?)
    });
    if let Err(error) = &result {
        eprintln!("{error:#}");
    }
    std::process::exit(if result.is_ok() { 0 } else { FAILED });
}

fn outcome(name: &str) -> Result<Outcome> {
    let place = std::env::args().nth(1).context("no place")?;
    let set = match name.split_once(':') {
        Some((name, quiet)) => userland::set(terminal::scenario(name)?.act(quiet.parse()?))?,
        None => stage(&script(name)?)?,
    };
    let stage = Stage { place, ..set };
    let sys = Direct::new()?;
    let run = surroundings::run(sys.clone(), stage);
    sys.block_on(async {
        match select(Box::pin(run), Box::pin(sys.sleep(LIMIT))).await {
            Either::Left((outcome, _)) => {
                outcome.context("making the surroundings (this needs root)")
            }
            Either::Right(_) => anyhow::bail!("{name} takes more than {} s", LIMIT / 1_000_000_000),
        }
    })
}

/// A directory to mount at.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("glassdock-userland-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Place(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}
