//! Completion of lines: what the command answers to `__complete`, beside the real client; and what the script for bash
//! makes of it. No engine is asked; the tests of the daemon have lines that need one.

use expect_test::expect_file;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The real client whose answers were recorded.
const VERSION: &str = "Docker version 28.2.2,";
/// A line each; the last word is what is being written, and may be empty.
const LINES: &str = include_str!("lines.txt");
/// Commands that ours does not have.
const MISSING: &str = "bake build builder checkpoint config cp df login logout manifest network node plugin push search \
                       secret service stack swarm trust volume";
/// A command that the real client has as well, but does not tell of.
const HIDDEN: &str = "completion";

/// A folder with a context in it and a program called `docker`; removed with its owner.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gd-completion-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        let place = Place(path);
        for name in ["docker", "glassdock"] {
            let program = env!("CARGO_BIN_EXE_glassdock");
            std::os::unix::fs::symlink(program, place.0.join(name)).unwrap();
        }
        let made = place.run(
            "docker",
            &["context", "create", "two", "--docker", "host=unix:///no"],
        );
        assert!(made.status.success(), "{made:?}");
        place
    }

    /// Runs a program of this folder, or the one at a path.
    fn run(&self, program: &str, args: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(self.0.join(program))
            .args(args)
            .env("PATH", format!("{}:{path}", self.0.display()))
            .env("DOCKER_CONFIG", self.0.join("config"))
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn told(&self, program: &str, args: &[&str]) -> String {
        String::from_utf8(self.run(program, args).stdout).unwrap()
    }

    /// The answers to all lines, candidates sorted.
    fn answers(&self, program: &str) -> String {
        let known =
            |word: &&str| *word != HIDDEN && !MISSING.split(' ').any(|missing| *word == missing);
        let mut all = String::new();
        for line in LINES.lines() {
            let words: Vec<&str> = ["__completeNoDesc"]
                .into_iter()
                .chain(line.split(' '))
                .collect();
            let told = self.told(program, &words);
            let mut told: Vec<&str> = told.lines().filter(known).collect();
            told.sort_unstable();
            let _ = writeln!(all, "[{line}] {}", told.join(" "));
        }
        all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The real client's path, if it is here in the version that was recorded.
fn real() -> Option<String> {
    let asked = Command::new("sh")
        .args(["-c", "docker --version && command -v docker"])
        .output();
    let told = String::from_utf8(asked.ok()?.stdout).ok()?;
    match told.starts_with(VERSION) {
        true => Some(told.lines().nth(1)?.to_owned()),
        false => {
            eprintln!(
                "there is no docker client of version 28.2.2: ours is compared with what was recorded"
            );
            None
        }
    }
}

#[test]
fn lines_go_on_as_those_of_docker_28_2_2_do() {
    let place = Place::new();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/completion/answers.txt");
    if let Some(real) = real() {
        expect_file![&recorded].assert_eq(&place.answers(&real));
    }
    expect_file![&recorded].assert_eq(&place.answers("docker"));
}

#[test]
fn candidates_come_with_a_word_about_them_and_the_end_is_named() {
    let place = Place::new();
    let done = place.run("docker", &["__complete", "context", "u"]);
    assert_eq!(
        String::from_utf8(done.stdout).unwrap(),
        "update\tChange a context\nuse\tChoose the context that is meant from now on\n:4\n"
    );
    let end = "Completion ended with directive: ShellCompDirectiveNoFileComp\n";
    assert_eq!(String::from_utf8(done.stderr).unwrap(), end);
    let told = place.told("docker", &["__complete", "-c", "two", "context", "use", ""]);
    assert_eq!(told, "default\ntwo\tcurrent\n:4\n");
    let done = place.run("docker", &["__complete"]);
    assert_eq!(done.status.code(), Some(1));
    // An engine that is not there is no reason to write across the line.
    let told = place.told("docker", &["__complete", "-c", "two", "rm", ""]);
    assert_eq!(told, ":1\n");
}

/// How readline splits a line: at spaces that are not in quotes, and around the characters at which words break.
fn split(line: &str) -> Vec<String> {
    let is_break = |c: char| matches!(c, '=' | ':');
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        let last = words.last().unwrap();
        let ends = !last.is_empty() && is_break(c) != last.chars().all(is_break);
        match c {
            ' ' if !quoted && last.is_empty() => {}
            ' ' if !quoted => words.push(String::new()),
            c if ends && !quoted => words.push(c.into()),
            c => words.last_mut().unwrap().push(c),
        }
        quoted ^= c == '\'';
    }
    words
}

/// What bash offers for a line.
fn offered(place: &Place, line: &str) -> Vec<String> {
    const CALL: &str = "source <(glassdock docker completion bash); COMP_LINE=$1 COMP_POINT=${#1}; shift; \
        COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)); COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'; \
        _glassdock; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let words = split(line);
    let mut args = vec!["--norc", "-c", CALL, "bash", line];
    args.extend(words.iter().map(String::as_str));
    let told = place.told("/bin/bash", &args);
    told.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_knows_the_options_and_commands_of_glassdock() {
    let place = Place::new();
    for (line, help) in [
        ("glassdock daemon --", ["daemon", "--help"]),
        ("glassdock runtime ", ["runtime", "--help"]),
    ] {
        let text = place.told("glassdock", &help);
        let is_word = |c: char| c.is_ascii_lowercase() || c == '-';
        let begins = |word: &&str| line.ends_with(' ') || word.starts_with("--");
        // An option's or a command's line begins with it.
        let mut told: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("  ") && !line.trim_start().starts_with('('))
            .filter_map(|line| {
                let words = line.split([' ', ',']).filter(|word| !word.is_empty());
                words
                    .take(2)
                    .filter(begins)
                    .find(|word| word.chars().all(is_word))
            })
            .filter(|word| line.ends_with("--") || !word.starts_with('-'))
            .collect();
        told.sort_unstable();
        let mut offered = offered(&place, line);
        offered.sort_unstable();
        assert_eq!(offered, told, "{line}");
    }
}

#[test]
fn in_bash_words_are_completed() {
    let place = Place::new();
    for (line, words) in [
        ("docker conte", "context"),
        ("docker context u", "update use"),
        ("docker context use ", "default two"),
        ("docker context use t", "two"),
        ("docker -c two context sh", "show"),
        ("docker --context=t", "two"),
        ("docker run --restart on", "on-failure"),
        ("docker run --restart=on", "on-failure"),
        ("docker run --ulimit no", "nofile="),
        ("docker run --name 'a b' --re", "--read-only --restart"),
        ("docker run --security-opt seccomp", "seccomp="),
        ("docker run --add-host a:b --rm --gp", "--gpus"),
        ("docker run --pid container:x", ""),
        ("docker run busybox --r", ""),
        ("docker nope ", ""),
        ("docker completion ", "bash fish zsh"),
        ("glassdock ", "daemon docker help runtime version"),
        ("glassdock d", "daemon docker"),
        ("glassdock docker context us", "use"),
        ("glassdock daemon --ro", "--root"),
        ("glassdock runtime st", "start state"),
        ("./glassdock docker image l", "load ls"),
    ] {
        assert_eq!(offered(&place, line).join(" "), words, "{line}");
    }
}

#[test]
fn each_shell_takes_its_script_and_others_are_named() {
    let place = Place::new();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = place.told("docker", &["completion", shell]);
        assert!(script.contains(" __complete"), "{shell}");
        let file = place.0.join(shell);
        std::fs::write(&file, script).unwrap();
        let checked = Command::new(shell).arg(check).arg(&file).output();
        match checked {
            Ok(done) => assert!(done.status.success(), "{done:?}"),
            Err(error) => eprintln!("the script was not tried: {shell}: {error}"),
        }
    }
    let plain = place.told("docker", &["completion", "zsh", "--no-descriptions"]);
    assert!(plain.contains("__completeNoDesc") && !plain.contains("__complete "));
    let done = place.run("docker", &["completion", "tcsh"]);
    assert_eq!(
        (
            done.status.code(),
            String::from_utf8(done.stderr).unwrap().as_str()
        ),
        (
            Some(1),
            "docker: there is no script for \"tcsh\", only for bash, fish, zsh\n"
        )
    );
}
