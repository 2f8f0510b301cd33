//! `bench`: runs the benchmarks and keeps their figures in `BENCHMARKS.md`.
//!
//! A benchmark is a bench target of a crate (`harness = false`) or a script
//! `tests/bench/NAME.bench.mjs` that measures the page. It prints one JSON object a line:
//!
//! - `{"about": "what is measured, in a sentence"}`
//! - `{"row": "sha256sum", "column": "ours, M instructions/s", "value": 212.4}`
//! - `{"note": "what a reader must know"}`
//!
//! Peers are further columns of the same run: figures of one machine at one time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build;
use crate::paths::{dist, root};
use crate::run::Cmd;
use crate::serve::Server;
use crate::setup::{self, Need};
use crate::test::browser_script;

const HEAD: &str = "# Benchmarks

Made by `cargo xtask bench`; each section in one run on one machine. Compare the columns of
a row, not rows of different runs.
";

/// What a benchmark is, and how it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A bench target of this package.
    Native { package: String },
    /// A script that opens the page.
    Page { script: String },
}

/// Runs the benchmarks of these names, or all, and writes their sections.
///
/// # Errors
/// An unknown name, or a benchmark that fails: its old figures stay.
pub fn run(names: &[String]) -> Result<()> {
    let all = benches()?;
    for name in names {
        if !all.contains_key(name) {
            let known: Vec<&str> = all.keys().map(String::as_str).collect();
            bail!("no benchmark `{name}`; there are: {}", known.join(", "));
        }
    }
    let path = root().join("BENCHMARKS.md");
    let mut file = fs::read_to_string(&path).unwrap_or_else(|_| HEAD.to_owned());
    for (name, kind) in &all {
        if !names.is_empty() && !names.contains(name) {
            continue;
        }
        println!("== {name}");
        let output = measure(name, kind).with_context(|| format!("benchmark `{name}`"))?;
        let section = section(name, &output, &machine())?;
        println!("{section}");
        file = with_section(&file, name, &section);
        fs::write(&path, &file).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn benches() -> Result<BTreeMap<String, Kind>> {
    let mut benches = BTreeMap::new();
    let text = Cmd::new("cargo")
        .args(["metadata", "--format-version=1", "--no-deps"])
        .dir(root())
        .output()?;
    let metadata: Value = serde_json::from_str(&text)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            if target["kind"][0] == "bench" {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let package = text(&package["name"]);
                benches.insert(text(&target["name"]), Kind::Native { package });
            }
        }
    }
    let scripts = root().join("tests/bench");
    for entry in fs::read_dir(scripts).into_iter().flatten() {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if let Some(name) = file.strip_suffix(".bench.mjs") {
            let script = format!("tests/bench/{file}");
            benches.insert(name.to_owned(), Kind::Page { script });
        }
    }
    Ok(benches)
}

fn measure(name: &str, kind: &Kind) -> Result<String> {
    match kind {
        Kind::Native { package } => Cmd::new("cargo")
            .args(["bench", "--quiet", "-p", package, "--bench", name])
            .dir(root())
            .output(),
        Kind::Page { script } => {
            build::ensure()?;
            setup::ensure(&[Need::Browser])?;
            let server = Server::bind(dist(), 0)?;
            let address = server.url()?;
            std::thread::spawn(move || server.run());
            browser_script(&address).arg(script).output()
        }
    }
}

/// A benchmark's output as a section: a sentence, a table, notes, the machine.
fn section(name: &str, output: &str, machine: &str) -> Result<String> {
    let (mut about, mut notes) = (String::new(), Vec::new());
    let (mut rows, mut columns): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut cells = BTreeMap::new();
    for line in output.lines().filter(|line| line.starts_with('{')) {
        let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        if let Some(text) = value["about"].as_str() {
            about = text.to_owned();
        } else if let Some(text) = value["note"].as_str() {
            notes.push(text.to_owned());
        } else {
            let row = value["row"].as_str().with_context(|| line.to_owned())?;
            let column = value["column"].as_str().with_context(|| line.to_owned())?;
            let figure = value["value"].as_f64().with_context(|| line.to_owned())?;
            let row = index(&mut rows, row);
            let column = index(&mut columns, column);
            cells.insert((row, column), significant(figure));
        }
    }
    if cells.is_empty() {
        bail!("it printed no figures");
    }
    let mut text = format!("## {name}\n\n{about}\n\n| |");
    for column in &columns {
        write!(text, " {column} |")?;
    }
    writeln!(text, "\n|---|{}", "---:|".repeat(columns.len()))?;
    for (row, label) in rows.iter().enumerate() {
        write!(text, "| {label} |")?;
        for column in 0..columns.len() {
            let cell = cells.get(&(row, column)).map_or("", String::as_str);
            write!(text, " {cell} |")?;
        }
        text.push('\n');
    }
    text.push('\n');
    for note in notes {
        writeln!(text, "{note}\n")?;
    }
    write!(text, "{machine}\n\n")?;
    Ok(text)
}

/// Where a label stands in a list; a new one goes to the end.
fn index(labels: &mut Vec<String>, label: &str) -> usize {
    labels
        .iter()
        .position(|other| other == label)
        .unwrap_or_else(|| {
            labels.push(label.to_owned());
            labels.len() - 1
        })
}

/// Three significant digits: more would claim what a run does not know.
fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The file with this section replaced, or added at its place in the alphabet.
fn with_section(file: &str, name: &str, section: &str) -> String {
    let mut parts = file.split("\n## ");
    let head = parts.next().unwrap_or_default().trim_end().to_owned();
    let mut sections: BTreeMap<String, String> = parts
        .map(|part| {
            let title = part.lines().next().unwrap_or_default().trim().to_owned();
            (title, format!("## {}", part.trim_end()))
        })
        .collect();
    sections.insert(name.to_owned(), section.trim_end().to_owned());
    let mut text = head;
    for section in sections.values() {
        text.push_str("\n\n");
        text.push_str(section);
    }
    text.push('\n');
    text
}

/// Processor, cores, kernel, compiler and date of this run.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let word = |program: &str, args: &[&str]| {
        let output = Cmd::new(program).args(args).dir(root()).output();
        output.unwrap_or_default().trim().to_owned()
    };
    let kernel = word("uname", &["-sr"]);
    let rustc = word("rustc", &["-V"]);
    let date = word("date", &["-u", "+%Y-%m-%d"]);
    format!("*{date}, {model}, {cores} cores, {kernel}, {rustc}*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_a_table_with_peers_side_by_side() {
        let output = r#"
{"about": "How long `true` takes."}
{"row": "run", "column": "ours, ms", "value": 12.345}
{"row": "run", "column": "peer, ms", "value": 375}
{"row": "exec", "column": "peer, ms", "value": 0.5}
{"note": "The peer needed a warm cache."}
"#;
        let expected = "## run\n\nHow long `true` takes.\n\n\
            | | ours, ms | peer, ms |\n|---|---:|---:|\n\
            | run | 12.3 | 375 |\n| exec |  | 0.500 |\n\n\
            The peer needed a warm cache.\n\n*here*\n\n";
        assert_eq!(section("run", output, "*here*").unwrap(), expected);
    }

    #[test]
    fn a_benchmark_without_figures_is_an_error() {
        assert!(section("x", "compiling…\n{\"about\": \"x\"}\n", "").is_err());
    }

    #[test]
    fn one_section_is_replaced_and_the_others_stay() {
        let file = with_section(HEAD, "b", "## b\n\nold\n\n");
        let file = with_section(&file, "a", "## a\n\nfirst\n");
        let file = with_section(&file, "b", "## b\n\nnew\n");
        assert_eq!(file, format!("{HEAD}\n## a\n\nfirst\n\n## b\n\nnew\n"));
    }
}
