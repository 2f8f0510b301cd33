//! A session of `docker` commands on a host, run on both kernels: by the programs of `tests/src/bin/programs.rs` on the
//! real one, in the machine on the simulated one. The host's files are the same archive.

use anyhow::{Context, Result, ensure};
use glassdock_abi::types::Timespec;
use glassdock_kernel::{ImportMeta, ImportNode};
use glassdock_playground::testing::{BOOT_TIME, Machine};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Seconds that the session may take on the host.
const SECONDS_MAX: &str = "240";
/// What the shell shows when it waits for a line.
const PROMPT: &str = "# \u{1b}[6n";
/// What the script prints in front of each command's results.
const MARK: &str = "=== ";
/// What it prints at the end.
const END: &str = "=== end";

/// What a command did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// The command line.
    pub line: String,
    /// The shell's `$?`.
    pub status: String,
    /// Standard output, evened out.
    pub out: String,
    /// Standard error, evened out.
    pub err: String,
}

/// The commands of a session: one a line, `#` begins a comment.
pub fn commands(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// A script that runs commands in one shell, each with its streams caught in files.
fn script(commands: &[String]) -> String {
    let mut script = String::from("cd /root\n");
    for (at, line) in commands.iter().enumerate() {
        let _ = write!(
            script,
            "{{ {line}\n}} </dev/null >/tmp/out 2>/tmp/err\nstatus=$?\necho '{MARK}{at}' $status\ncat /tmp/out\necho '{MARK}err'\ncat /tmp/err\n",
        );
    }
    let _ = writeln!(script, "echo '{END}'");
    script
}

/// Takes the script's output apart.
fn results(commands: &[String], output: &str) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    let mut rest = output;
    for (at, line) in commands.iter().enumerate() {
        let mark = format!("{MARK}{at} ");
        let begin = rest
            .find(&mark)
            .with_context(|| format!("no result of {line:?} in {rest}"))?;
        rest = &rest[begin + mark.len()..];
        let next = match at + 1 {
            next if next < commands.len() => format!("{MARK}{next} "),
            _ => END.to_owned(),
        };
        let end = rest
            .find(&next)
            .with_context(|| format!("no end of {line:?} in {rest}"))?;
        let (status, streams) = rest[..end].split_once('\n').context("a status")?;
        let (out, err) = streams
            .split_once(&format!("{MARK}err\n"))
            .context("standard error")?;
        done.push(Done {
            line: line.clone(),
            status: status.to_owned(),
            out: even(out),
            err: even(err),
        });
        rest = &rest[end..];
    }
    Ok(done)
}

/// Runs a session in the simulated machine.
///
/// # Errors
/// Where a command has no result.
///
/// # Panics
/// Where the images are missing, or the machine stops or never ends.
pub fn simulated(commands: &[String]) -> Result<Vec<Done>> {
    let meta = ImportMeta {
        mode: 0o644,
        mtime: Timespec::from_nanos(BOOT_TIME),
        ..ImportMeta::default()
    };
    let text = script(commands);
    let mut machine = Machine::starting_at(80, "vt100", |kernel| {
        let file = ImportNode::File(text.as_bytes());
        kernel.import(b"session", &meta, file).expect("the script");
    });
    machine.type_until("", PROMPT);
    // By then the engine has its image.
    let output = machine.type_until("sleep 1; sh /session 2>&1 | cat\n", END);
    results(commands, &output.replace("\r\n", "\n"))
}

/// The host's root directory from its archive, our programs in the place of the built-in ones, and what a kernel and
/// `init` bring.
const SURROUNDINGS: &str = r#"
set -e
R=$(mktemp -d)
mount -t tmpfs -o mode=755 root "$R"
cd "$R"
tar xzf "$HOST" -C "$R"
mkdir -p usr/share/docker opt lib lib64 usr/lib
cp "$IMAGE" usr/share/docker/busybox.tar.gz
cp "$PROGRAMS" opt/programs
for name in usr/bin/docker usr/bin/dockerd usr/bin/socket-activate usr/libexec/glassdock/shim usr/libexec/glassdock/runtime; do
    rm "$name"; ln -s /opt/programs "$name"
done
for folder in lib lib64 usr/lib; do mount --rbind -o ro /$folder $folder; done
hostname glassdock
mount -t proc proc proc
mount -t sysfs sys sys
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do : > dev/$node; mount --bind /dev/$node dev/$node; done
ln -s /proc/self/fd dev/fd
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for folder in dev/shm run tmp; do mount -t tmpfs tmpfs $folder; done
printf '%s' "$SCRIPT" > session
mkdir old
pivot_root . old
cd /
exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=vt100 \
    /bin/sh -c 'umount -l /old; /etc/init.d/docker & until docker version >/dev/null 2>&1; do sleep 0.01; done; sh /session 2>&1; kill $!; wait'
"#;

/// Runs a session on this machine's kernel, in namespaces of its own; `programs` is the file with our programs.
///
/// # Errors
/// Without root, or where the surroundings cannot be made.
pub fn real(commands: &[String], programs: &Path) -> Result<Vec<Done>> {
    let output = Command::new("timeout")
        .args([
            SECONDS_MAX,
            "unshare",
            "--mount",
            "--propagation",
            "private",
        ])
        .args(["--pid", "--kill-child", "--uts", "--ipc", "--net"])
        .args(["/bin/bash", "-c", SURROUNDINGS])
        .env("HOST", folder().join("host.tar.gz"))
        .env("IMAGE", folder().join("busybox.tar.gz"))
        .env("PROGRAMS", programs)
        .env("SCRIPT", script(commands))
        .stdin(Stdio::null())
        .output()
        .context("running unshare")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the session on the host: {}: {err}{text}",
        output.status
    );
    results(commands, &text)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/generated/images")
}

/// Evens out what differs from run to run: ids, ages, and the columns that they widen.
fn even(text: &str) -> String {
    let mut even = String::new();
    for line in text.split_inclusive('\n') {
        let mut words: Vec<String> = Vec::new();
        for word in line.split(' ') {
            let word = even_ids(word);
            // Columns are as wide as their widest cell.
            if !word.is_empty() || words.last().is_none_or(|last| !last.is_empty()) {
                words.push(word);
            }
        }
        even += &even_ages(&words).join(" ");
    }
    even
}

/// Runs of 64 and 12 hexadecimal digits.
fn even_ids(word: &str) -> String {
    let mut out = String::new();
    for piece in word.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let digits = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let hex = digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match digits.len() {
            64 if hex => out += &piece.replace(digits, "<ID>"),
            12 if hex => out += &piece.replace(digits, "<id>"),
            _ => out += piece,
        }
    }
    out
}

/// `2 weeks ago`, `About a minute ago`, `Less than a second ago`, `Up 3 seconds`.
fn even_ages(words: &[String]) -> Vec<String> {
    const UNITS: [&str; 7] = ["second", "minute", "hour", "day", "week", "month", "year"];
    let mut out: Vec<String> = Vec::new();
    for word in words {
        let unit = word.trim_end_matches(['\n', ')']).trim_end_matches('s');
        if !UNITS.contains(&unit) {
            out.push(word.clone());
            continue;
        }
        drop_amount(&mut out);
        out.push(word.replace(word.trim_end_matches(['\n', ')']), "<age>"));
    }
    out
}

/// Takes away how many: digits, `a`, `About a`, `Less than a`.
fn drop_amount(words: &mut Vec<String>) {
    const ARTICLES: [&[&str]; 6] = [
        &["Less", "than", "a"],
        &["Less", "than", "an"],
        &["About", "a"],
        &["About", "an"],
        &["a"],
        &["an"],
    ];
    let digits = |word: &String| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let len = if words.last().is_some_and(digits) {
        1
    } else {
        let ends = |article: &&&[&str]| {
            let start = words.len().checked_sub(article.len());
            start.is_some_and(|start| words[start..].iter().eq(article.iter()))
        };
        ARTICLES
            .iter()
            .find(ends)
            .map_or(0, |article| article.len())
    };
    words.truncate(words.len() - len);
}

#[cfg(test)]
mod tests {
    use super::even;

    #[test]
    fn ids_and_ages_are_evened_out_and_nothing_else() {
        for (text, evened) in [
            ("0123456789ab x\n", "<id> x\n"),
            ("a 12 seconds ago b\n", "a <age> ago b\n"),
            ("a   Less than a second ago   b\n", "a  <age> ago  b\n"),
            ("Up About a minute\n", "Up <age>\n"),
            ("a second line\n", "<age> line\n"),
            ("12 apples\n", "12 apples\n"),
        ] {
            assert_eq!(even(text), evened);
        }
    }
}
