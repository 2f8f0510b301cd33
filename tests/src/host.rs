//! Doing something on the host's kernel, as root.
//!
//! A process with threads cannot clone itself, and test programs have threads; so another instance of the test program
//! does it, which has none.

use anyhow::{Context, Result, ensure};
use futures_util::future::{Either, select};
use glassdock_abi::Sys;
use glassdock_linux::Direct;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Nanoseconds that one thing may take.
const LIMIT: u64 = 60_000_000_000;
/// The variable that tells an instance what it is to do.
const ROLE: &str = "GLASSDOCK_TEST_ROLE";
/// Exit status of an instance that could not do it.
const FAILED: i32 = 99;

/// What an instance does: it gets a kernel, a directory to mount at and its input.
pub type Role = fn(Direct, String, String) -> Result<Vec<u8>>;

/// Starts another instance for a role and returns what it yields. The program must call [`serve`] first of all.
///
/// # Errors
/// Those of the role.
pub fn again(role: &str, input: &str) -> Result<Vec<u8>> {
    let place = Place::new()?;
    let mut child = Command::new(std::env::current_exe()?)
        .env(ROLE, role)
        .arg(&place.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting this program again")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "on the host (which needs root): {}",
        message.trim_end()
    );
    Ok(output.stdout)
}

/// Plays a role and ends the process, where [`again`] started it for that.
pub fn serve(roles: &[(&str, Role)]) {
    let Some(name) = std::env::var_os(ROLE) else {
        return;
    };
    let role = roles.iter().find(|role| *role.0 == *name);
    let result = role.context("no such role").and_then(|(_, role)| {
        let place = std::env::args().nth(1).context("no place")?;
        let mut input = String::new();
        std::io::stdin().read_to_string(&mut input)?;
        let output = role(Direct::new()?, place, input)?;
        Ok(std::io::stdout().write_all(&output)?)
    });
    if let Err(error) = &result {
        eprintln!("{error:#}");
    }
    std::process::exit(if result.is_ok() { 0 } else { FAILED });
}

/// Runs a future to its end, unless that takes too long.
///
/// # Errors
/// Where it does.
pub fn block_on<T>(sys: &Direct, future: impl Future<Output = T>) -> Result<T> {
    sys.block_on(async {
        match select(Box::pin(future), Box::pin(sys.sleep(LIMIT))).await {
            Either::Left((value, _)) => Ok(value),
            Either::Right(_) => anyhow::bail!("more than {} s", LIMIT / 1_000_000_000),
        }
    })
}

/// A directory to mount at.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("glassdock-tests-{}-{number}", std::process::id());
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
