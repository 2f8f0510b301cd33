//! What commands print, in runc's forms.

use super::args::Format;
use super::{Result, spec as read_spec, system};
use glassdock_abi::Pid;
use glassdock_engine::time::rfc3339;
use glassdock_oci::runtime::Status;
use glassdock_runtime::helper::{Listed, OCI_VERSION};
use glassdock_runtime::{ErrorKind, RuntimeError};
use glassdock_runtime::{hooks, plan, seccomp};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

/// A configuration to begin with.
const EXAMPLE: &str = include_str!("config.json");

/// Writes to standard output.
pub(super) fn bytes(data: &[u8]) -> Result<()> {
    let written = std::io::stdout().lock().write_all(data);
    written.map_err(|error| system(format!("standard output: {error}")))
}

/// A document on one line.
pub(super) fn value(value: &Value) -> Result<()> {
    bytes(format!("{value}\n").as_bytes())
}

/// Containers, as `runc list` prints them.
pub(super) fn list(listed: &[Listed], format: Format, quiet: bool) -> Result<()> {
    if quiet {
        let ids: String = listed
            .iter()
            .map(|one| format!("{}\n", one.state.id))
            .collect();
        return bytes(ids.as_bytes());
    }
    if format == Format::Json {
        return value(&listed.iter().map(in_json).collect());
    }
    let titles = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];
    let mut rows = vec![titles.map(str::to_owned)];
    rows.extend(listed.iter().map(|one| {
        [
            one.state.id.clone(),
            pid(one).to_string(),
            one.state.status.as_str().to_owned(),
            one.state.bundle.clone(),
            rfc3339(one.created),
            user(one.owner),
        ]
    }));
    bytes(table(&rows).as_bytes())
}

fn pid(one: &Listed) -> i32 {
    match one.state.status {
        Status::Stopped => 0,
        _ => one.state.pid,
    }
}

fn in_json(one: &Listed) -> Value {
    // The bundle may be gone; then nobody knows any more.
    let root = read_spec(&one.state.bundle).ok().and_then(|spec| spec.root);
    let root = root.map_or(String::new(), |root| match root.path.starts_with('/') {
        true => root.path,
        false => format!("{}/{}", one.state.bundle, root.path),
    });
    json!({
        "ociVersion": one.state.oci_version,
        "id": one.state.id,
        "pid": pid(one),
        "status": one.state.status.as_str(),
        "bundle": one.state.bundle,
        "rootfs": root,
        "created": rfc3339(one.created),
        "annotations": one.state.annotations,
        "owner": user(one.owner),
    })
}

/// A user's name, or `#` and the number (`man 5 passwd`).
fn user(uid: u32) -> String {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("#{uid}"))
}

/// Columns that are 12 wide at least, with three spaces between them.
fn table(rows: &[[String; 6]]) -> String {
    let mut text = String::new();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count() + 3)
            .max()
            .unwrap_or(0)
            .max(12)
    };
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match column + 1 == row.len() {
                true => text.push_str(cell),
                false => {
                    let _ = write!(text, "{cell:0$}", width(column));
                }
            }
        }
        text.push('\n');
    }
    text
}

/// Process ids as a list in JSON.
pub(super) fn pids(pids: &[Pid]) -> Result<()> {
    value(&pids.iter().map(|pid| pid.0).collect())
}

/// The lines of the host's `ps` that are of these processes.
pub(super) fn ps(pids: &[Pid], args: &[String]) -> Result<()> {
    let mut command = Command::new("ps");
    match args {
        [] => command.arg("-ef"),
        args => command.args(args),
    };
    let output = command
        .output()
        .map_err(|error| system(format!("ps: {error}")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(RuntimeError::new(ErrorKind::Invalid, format!("ps: {text}")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    bytes(lines_of(&text, pids)?.as_bytes())
}

/// The title, and the lines whose column `PID` has one of these.
fn lines_of(text: &str, pids: &[Pid]) -> Result<String> {
    let mut lines = text.lines();
    let title = lines.next().unwrap_or_default();
    let column = title.split_whitespace().position(|name| name == "PID");
    let column = column
        .ok_or_else(|| RuntimeError::new(ErrorKind::Invalid, "ps: its output has no column PID"))?;
    let mut kept = format!("{title}\n");
    for line in lines {
        let pid = line
            .split_whitespace()
            .nth(column)
            .and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| pids.contains(&Pid(pid))) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    Ok(kept)
}

/// Writes a configuration to begin with into a bundle that has none.
pub(super) fn spec(bundle: &str) -> Result<()> {
    let path = format!("{bundle}/config.json");
    let file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(&path);
    let written = file.and_then(|mut file| file.write_all(EXAMPLE.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => RuntimeError::new(
            ErrorKind::AlreadyExists,
            "File config.json exists. Remove it first",
        ),
        _ => system(format!("{path}: {error}")),
    })
}

/// What is supported, in the form of the specification's `features.md`.
pub(super) fn features() -> Result<()> {
    let off = json!({"enabled": false});
    value(&json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": hooks::MOMENTS,
        "mountOptions": plan::MOUNT_OPTIONS.as_slice(),
        "linux": {
            "namespaces": plan::namespaces(),
            "capabilities": plan::capabilities(),
            "cgroup": {"v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": false},
            "seccomp": {
                "enabled": true,
                "actions": seccomp::ACTIONS.map(|(name, _)| name),
                "operators": seccomp::OPERATORS,
                "archs": ["SCMP_ARCH_X86_64"],
                "knownFlags": seccomp::FLAGS.map(|(name, _)| name),
                "supportedFlags": seccomp::FLAGS.map(|(name, _)| name),
            },
            "apparmor": off,
            "selinux": off,
            "intelRdt": off,
            "mountExtensions": {"idmap": {"enabled": true}},
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_oci::runtime::Spec;
    use glassdock_runtime::plan::{HostFacts, create};

    #[test]
    fn the_lines_of_ps_are_those_of_the_processes() {
        let text = "  PID CMD\n    1 init\n   12 sh 34\n   34 true\n";
        let lines = lines_of(text, &[Pid(12), Pid(1)]).unwrap();
        assert_eq!(lines, "  PID CMD\n    1 init\n   12 sh 34\n");
        assert!(lines_of("CMD\nx\n", &[Pid(1)]).is_err());
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |id: &str| [id, "1", "s", "b", "c", "o"].map(str::to_owned);
        let text = table(&[row("ID"), row("a-long-name-of-one")]);
        let expected = "ID                   1           s           b           c           o\n\
                        a-long-name-of-one   1           s           b           c           o\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_configuration_to_begin_with_can_be_planned() {
        let spec: Spec = serde_json::from_str(EXAMPLE).unwrap();
        assert!(create(&spec, "/bundle", &HostFacts::default()).is_ok());
    }
}
