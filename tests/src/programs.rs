//! The programs of `tests/programs`, compiled when they are needed.

use crate::host;
use crate::userland::{self, Outcome, sorted};
use anyhow::{Context, Result, ensure};
use glassdock_linux::Direct;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// C compilers, by preference.
const COMPILERS: [&str; 2] = ["cc", "gcc"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// The programs' names.
///
/// # Errors
/// Where the folder cannot be read.
pub fn sources() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in sorted(&folder())? {
        if path.extension().is_some_and(|extension| extension == "c") {
            let name = path.file_stem().context("no name")?;
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// The role of an instance that runs a program on the host; its input is the program's patience and the path of its
/// file.
pub const ROLE: &str = "program";

/// That role, whose outcome [`userland::outcome`] reads.
///
/// # Errors
/// Where the surroundings cannot be made.
pub fn role(sys: Direct, place: String, input: String) -> Result<Vec<u8>> {
    let (patience, path) = input.split_once(':').context("how patient is it?")?;
    userland::play(&sys, place, userland::program(path, patience.parse()?)?)
}

/// Runs a program on the host's kernel, with a patience as of [`userland::program`].
///
/// # Errors
/// Without root, or where the surroundings cannot be made.
pub fn run_on_host(path: &str, patience: u32) -> Result<Outcome> {
    userland::outcome(&host::again(ROLE, &format!("{patience}:{path}"))?)
}

/// A compiled program, as long as it is needed.
#[derive(Debug)]
pub struct Program(PathBuf);

impl Program {
    /// Its file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn new(name: &str) -> Program {
        let file = format!("glassdock-{}-{name}", std::process::id());
        Program(std::env::temp_dir().join(file))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A C compiler that makes static programs, if there is one.
pub fn compiler() -> Option<&'static str> {
    static FOUND: OnceLock<Option<&'static str>> = OnceLock::new();
    *FOUND.get_or_init(find_compiler)
}

fn find_compiler() -> Option<&'static str> {
    let source = Program::new("probe.c");
    std::fs::write(source.path(), "int main(void) { return 0; }\n").ok()?;
    let program = Program::new("probe");
    COMPILERS.into_iter().find(|compiler| {
        let arguments = [source.path(), Path::new("-static"), Path::new("-o")];
        let status = Command::new(compiler)
            .args(arguments)
            .arg(program.path())
            .output();
        status.is_ok_and(|output| output.status.success())
    })
}

/// Compiles a program.
///
/// # Errors
/// Without a compiler, or with the compiler's.
pub fn compile(name: &str) -> Result<Program> {
    let compiler = compiler().context("no C compiler")?;
    let program = Program::new(name);
    let output = Command::new(compiler)
        .args(["-static", "-O1", "-w", "-pthread", "-o"])
        .arg(program.path())
        .arg(folder().join(name).with_extension("c"))
        .output()
        .with_context(|| format!("starting {compiler}"))?;
    ensure!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(program)
}
