//! Starting other programs: one place for their environment, logs and errors.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How many lines of a failed command's log are shown.
const TAIL_LINES: usize = 40;

/// A command to run, with what is needed to describe it when it fails.
pub struct Cmd {
    inner: Command,
    shown: String,
    log: Option<PathBuf>,
}

impl Cmd {
    /// A command without input, free of what `cargo run` put into the environment:
    /// left there, it would make nested cargo calls rebuild and foreign toolchains
    /// load the wrong libraries.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut inner = Command::new(program);
        inner.stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if set_by_cargo_run(&name.to_string_lossy()) {
                inner.env_remove(name);
            }
        }
        Self {
            shown: program.to_string_lossy().into_owned(),
            inner,
            log: None,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&arg.as_ref().to_string_lossy());
        self.inner.arg(arg);
        self
    }

    /// Adds several arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        for arg in args {
            self = self.arg(arg);
        }
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Sets several variables.
    pub fn envs(mut self, vars: &[(String, OsString)]) -> Self {
        for (name, value) in vars {
            self.inner.env(name, value);
        }
        self
    }

    /// Runs in this folder.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.inner.current_dir(dir);
        self
    }

    /// Sends all output to a file; a failure shows the file's end.
    pub fn log(mut self, file: PathBuf) -> Self {
        self.log = Some(file);
        self
    }

    /// Runs to the end; an exit status other than 0 is an error.
    pub fn run(mut self) -> Result<()> {
        if let Some(log) = &self.log {
            if let Some(folder) = log.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = File::create(log).with_context(|| log.display().to_string())?;
            writeln!(file, "$ {}", self.shown)?;
            self.inner.stdout(file.try_clone()?).stderr(file);
        }
        let status = self
            .inner
            .status()
            .with_context(|| format!("cannot start `{}`", self.shown))?;
        if status.success() {
            return Ok(());
        }
        let tail = self.log.as_deref().map(tail).unwrap_or_default();
        bail!("`{}` ended with {status}{tail}", self.shown)
    }

    /// Runs to the end and gives its standard output; a failure shows its standard error.
    pub fn output(mut self) -> Result<String> {
        let output = self
            .inner
            .output()
            .with_context(|| format!("cannot start `{}`", self.shown))?;
        if !output.status.success() {
            bail!(
                "`{}` ended with {}\n{}",
                self.shown,
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs to the end, shows its output while it runs and also returns all of it,
    /// with whether the exit status was 0.
    pub fn tee(mut self) -> Result<(bool, String)> {
        let (mut reader, writer) = std::io::pipe()?;
        self.inner.stdout(writer.try_clone()?).stderr(writer);
        let mut child = self
            .inner
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.shown))?;
        // The command holds the pipe's writing ends; only without it does reading end.
        drop(self.inner);
        let mut all = Vec::new();
        let mut chunk = [0; 8192];
        loop {
            let count = std::io::Read::read(&mut reader, &mut chunk)?;
            let Some(part) = chunk.get(..count).filter(|part| !part.is_empty()) else {
                break;
            };
            std::io::stdout().write_all(part)?;
            std::io::stdout().flush()?;
            all.extend_from_slice(part);
        }
        let status = child.wait()?;
        Ok((status.success(), String::from_utf8_lossy(&all).into_owned()))
    }
}

/// Variables that `cargo run` and rustup's proxy set for this process alone.
fn set_by_cargo_run(name: &str) -> bool {
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    const NAMES: [&str; 5] = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "LD_LIBRARY_PATH",
        "RUST_RECURSION_COUNT",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    let shown = lines.get(from..).unwrap_or_default().join("\n");
    format!("\n{shown}\n(all of it: {})", log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_run_adds_is_taken_away_and_settings_stay() {
        for name in ["CARGO", "CARGO_PKG_NAME", "LD_LIBRARY_PATH"] {
            assert!(set_by_cargo_run(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "PATH"] {
            assert!(!set_by_cargo_run(name), "{name}");
        }
    }

    #[test]
    fn a_failing_command_names_itself_and_its_status() {
        let error = Cmd::new("sh").args(["-c", "exit 3"]).run().unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("sh -c exit 3") && text.contains('3'),
            "{text}"
        );
    }

    #[test]
    fn tee_returns_both_streams_and_the_outcome() {
        let (ok, text) = Cmd::new("sh")
            .args(["-c", "echo one; echo two >&2; exit 1"])
            .tee()
            .unwrap();
        assert!(!ok);
        assert_eq!(text, "one\ntwo\n");
    }
}
