//! The same session with the real client and with ours, against one engine: output, errors and exit statuses must be
//! the same after ids, times and addresses are evened out.
//!
//! Needs the real `docker` on the PATH, an engine at `DOCKER_HOST` with an image `busybox:latest`, and our command
//! built (`cargo build --example docker`):
//! `DOCKER_HOST=unix://… cargo test -p glassdock-cli --test side_by_side -- --ignored`

use std::path::PathBuf;
use std::process::{Command, Stdio};

const SESSION: &str = include_str!("side_by_side/session.txt");

/// What one command did.
#[derive(PartialEq, Eq, Debug)]
struct Done {
    status: Option<i32>,
    out: String,
    err: String,
}

fn shell(line: &str, client: &str) -> Done {
    let output = Command::new("sh")
        .args(["-c", line])
        .env("D", client)
        .env("PWD", "/tmp")
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let text = |bytes: &[u8]| even(&String::from_utf8_lossy(bytes));
    Done {
        status: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// Evens out what differs from run to run.
fn even(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || ":.-_+".contains(c)))
            .unwrap_or(rest.len());
        if word == 0 {
            // Columns are as wide as their widest cell, which may be a changing one.
            let spaces = rest.len() - rest.trim_start_matches(' ').len();
            out.push_str(if spaces > 1 {
                "  "
            } else {
                &rest[..c.len_utf8()]
            });
            rest = &rest[spaces.max(c.len_utf8())..];
            continue;
        }
        out.push_str(&even_word(&rest[..word]));
        rest = &rest[word..];
    }
    even_ages(&even_pids(&out))
}

fn even_word(word: &str) -> String {
    let bytes = word.as_bytes();
    match () {
        () if word.starts_with("02:42:") => "<MAC>".to_owned(),
        () if word.len() >= 19 && bytes[4] == b'-' && bytes[10] == b'T' => "<TIME>".to_owned(),
        () if word.len() == 8 && bytes[2] == b':' && bytes[5] == b':' => "<CLOCK>".to_owned(),
        () => even_ids(word),
    }
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
            64 if hex => out.push_str(&piece.replace(digits, "<ID>")),
            12 if hex => out.push_str(&piece.replace(digits, "<id>")),
            _ => out.push_str(piece),
        }
    }
    out
}

fn even_pids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\"Pid\":") {
        let (before, after) = rest.split_at(at + 6);
        out.push_str(before);
        rest = after.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
        out.push('N');
    }
    out + rest
}

/// "About a minute ago" and its like.
fn even_ages(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = word.trim_end_matches(|c: char| !c.is_ascii_lowercase());
        if ["second", "seconds", "minute", "minutes", "hour", "hours"].contains(&unit) {
            let number = |word: &str| {
                let word = word.rsplit(['(', '"', '>']).next().unwrap_or(word);
                word.parse::<u32>().is_ok() || ["a", "an", "About", "Less", "than"].contains(&word)
            };
            let mut lead = String::new();
            while let Some(last) = words.pop_if(|word| number(word)) {
                let cut = last.rfind(['(', '"', '>']).map_or(0, |at| at + 1);
                lead = last[..cut].to_owned();
            }
            words.push(lead + &word.replace(unit, "<AGE>"));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

fn clean() {
    let line = "docker rm -fv $(docker ps -aq -f name=gdt-); docker rmi -f $(docker images -q 'gdt-*'); rm -f /tmp/gdt-*";
    shell(line, "docker");
}

fn play(client: &str) -> Vec<Done> {
    clean();
    let done = commands().map(|line| shell(line, client)).collect();
    clean();
    done
}

fn commands() -> impl Iterator<Item = &'static str> {
    SESSION
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn ours() -> PathBuf {
    let test = std::env::current_exe().expect("this test's own path");
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("the folder of builds");
    folder.join("examples/docker")
}

#[test]
#[ignore = "needs a docker engine and the real docker client"]
fn both_clients_print_the_same_and_exit_alike() {
    let ours = ours();
    assert!(
        ours.exists(),
        "{} is built by: cargo build -p glassdock-cli --example docker",
        ours.display()
    );
    let real = play("docker");
    let ours = play(&ours.display().to_string());
    let mut different = 0;
    for (line, (real, ours)) in commands().zip(real.iter().zip(&ours)) {
        if real != ours {
            different += 1;
            println!("{line}\n  real: {real:?}\n  ours: {ours:?}");
        }
    }
    assert_eq!(different, 0, "of {} commands", real.len());
}

#[test]
fn what_changes_from_run_to_run_is_evened_out() {
    let id = "a1b2c3d4e5f6".repeat(5) + "a1b2";
    for (text, want) in [
        (format!("sha256:{id} x"), "sha256:<ID> x".to_owned()),
        ("a1b2c3d4e5f6   busybox".into(), "<id>  busybox".into()),
        (
            "Exited (7) About a minute ago  x".into(),
            "Exited (7) <AGE> ago  x".into(),
        ),
        ("Up 3 seconds".into(), "Up <AGE>".into()),
        ("\"Pid\": 4242,".into(), "\"Pid\":N,".into()),
        (
            "2026-11-24T05:34:02.123456789Z start".into(),
            "<TIME> start".into(),
        ),
    ] {
        assert_eq!(even(&text), want);
    }
}
