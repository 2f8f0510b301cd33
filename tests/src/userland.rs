//! The scripts of `tests/userland`, and what they yield.

use crate::host;
use crate::surroundings::{self, Act, Stage};
use anyhow::{Context, Result};
use glassdock_linux::Direct;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `/etc/passwd` of the surroundings.
pub const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";
/// `/etc/group` of the surroundings.
pub const GROUP: &str = "root:x:0:\ndaemon:x:1:\nbin:x:2:\ntty:x:5:\nnogroup:x:65534:\n";

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// `theme/name`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What a script yields.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output and error, as they came.
    pub output: Vec<u8>,
    /// Exit status.
    pub status: i32,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}status {}",
            String::from_utf8_lossy(&self.output),
            self.status
        )
    }
}

/// Lines that only one of two texts has between their common start and end, `-` the host's, `+` the simulation's.
pub fn difference(real: &Outcome, simulated: &Outcome) -> String {
    let (real_text, simulated_text) = (format!("{real:?}"), format!("{simulated:?}"));
    let (real, simulated): (Vec<_>, Vec<_>) = (
        real_text.lines().collect(),
        simulated_text.lines().collect(),
    );
    let head = real.iter().zip(&simulated).take_while(|(a, b)| a == b);
    let head = head.count();
    let tails = real[head..]
        .iter()
        .rev()
        .zip(simulated[head..].iter().rev());
    let tail = tails.take_while(|(a, b)| a == b).count();
    let mut text = format!("after {head} equal lines:\n");
    for (sign, lines) in [('-', &real), ('+', &simulated)] {
        for line in &lines[head..lines.len() - tail] {
            let _ = writeln!(text, "{sign} {line}");
        }
    }
    text
}

/// The busybox that both sides run: `GLASSDOCK_BUSYBOX`, or the one of the package `busybox-static`.
pub fn busybox() -> PathBuf {
    std::env::var_os("GLASSDOCK_BUSYBOX").map_or_else(|| "/bin/busybox".into(), PathBuf::from)
}

/// The applets that it has, `busybox` itself among them.
///
/// # Errors
/// Where it does not run.
pub fn applets() -> Result<Vec<String>> {
    let output = Command::new(busybox())
        .arg("--list")
        .output()
        .context("running busybox (package busybox-static, or GLASSDOCK_BUSYBOX)")?;
    let list = String::from_utf8(output.stdout)?;
    Ok(list.lines().map(str::to_owned).collect())
}

/// A script with busybox, for a place that is still to be named.
///
/// # Errors
/// Where busybox cannot be read.
pub fn stage(script: &Script) -> Result<Stage> {
    set(Act::Script(script.text.clone().into_bytes()))
}

/// A program of ours that a shell runs, for a place that is still to be named. It lets `patience` times the usual time
/// pass for what it waits for.
///
/// # Errors
/// Where it or busybox cannot be read.
pub fn program(path: impl AsRef<Path>, patience: u32) -> Result<Stage> {
    let path = path.as_ref();
    let program = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let script = format!("PATIENCE={patience} /program; echo status $?\n");
    let set = set(Act::Script(script.into_bytes()))?;
    Ok(Stage {
        program: Some(program),
        ..set
    })
}

/// An act with busybox, for a place that is still to be named.
///
/// # Errors
/// Where busybox cannot be read.
pub fn set(act: Act) -> Result<Stage> {
    Ok(Stage {
        place: String::new(),
        act,
        program: None,
        busybox: std::fs::read(busybox()).context("reading busybox")?,
        applets: applets()?,
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("userland")
}

/// All scripts, by name.
///
/// # Errors
/// Where the folder cannot be read.
pub fn scripts() -> Result<Vec<Script>> {
    let mut scripts = Vec::new();
    for theme in sorted(&folder())? {
        if !theme.is_dir() {
            continue;
        }
        for path in sorted(&theme)? {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("reading {}", path.display()))?;
            let name = path
                .strip_prefix(folder())?
                .with_extension("")
                .display()
                .to_string();
            scripts.push(Script { name, text });
        }
    }
    Ok(scripts)
}

/// The name of the role in which another instance runs a script on the host: its input is the script's name.
pub const ROLE: &str = "script";

/// That role, whose outcome [`outcome`] reads.
///
/// # Errors
/// Where the surroundings cannot be made.
pub fn role(sys: Direct, place: String, name: String) -> Result<Vec<u8>> {
    play(&sys, place, stage(&script(&name)?)?)
}

/// Plays an act on the host, in a role of another instance. Yields the exit status (32 bits, little endian) and the
/// output.
///
/// # Errors
/// Where the surroundings cannot be made.
pub fn play(sys: &Direct, place: String, stage: Stage) -> Result<Vec<u8>> {
    let stage = Stage { place, ..stage };
    let outcome = host::block_on(sys, surroundings::run(sys.clone(), stage))?
        .context("making the surroundings")?;
    let mut told = outcome.status.to_le_bytes().to_vec();
    told.extend(outcome.output);
    Ok(told)
}

/// What an act yielded on the host, where another instance played it.
///
/// # Errors
/// Where it did not come to its end.
pub fn outcome(told: &[u8]) -> Result<Outcome> {
    let (status, output) = told.split_first_chunk().context("no status")?;
    Ok(Outcome {
        output: output.to_vec(),
        status: i32::from_le_bytes(*status),
    })
}

/// Runs a script on the host's kernel.
///
/// # Errors
/// Without root, or where the surroundings cannot be made.
pub fn run_on_host(name: &str) -> Result<Outcome> {
    outcome(&host::again(ROLE, name)?)
}

/// A script by its name.
///
/// # Errors
/// Where it cannot be read.
pub fn script(name: &str) -> Result<Script> {
    let path = folder().join(name).with_extension("sh");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let name = name.to_owned();
    Ok(Script { name, text })
}

/// Applets that no script uses, with the reason.
///
/// # Errors
/// Where the list cannot be read.
pub fn excluded() -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder().join("excluded.txt"))?;
    let rows = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| {
        let (applet, reason) = row
            .split_once('\t')
            .with_context(|| format!("no reason in {row:?}"))?;
        Ok((applet.to_owned(), reason.to_owned()))
    })
    .collect()
}

pub(crate) fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
