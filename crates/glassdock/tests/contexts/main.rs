//! Contexts: the same lines with the real client and with ours, each in a folder of its own, and then each in what the
//! other one wrote. No engine is asked.

use expect_test::expect_file;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The lines, and what the real client of this version does with them.
const VERSION: &str = "Docker version 28.2.2,";
const LINES: &str = include_str!("lines.txt");

/// A folder that is removed with its owner.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = format!("gd-contexts-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(path);
        std::fs::create_dir(&path).unwrap();
        Place(path)
    }

    /// Runs a line of shell, with a client at `$D`; tells what it did, with this folder as `<DIR>`.
    fn run(&self, client: &str, line: &str) -> String {
        let done = self.output(client, line);
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.replace(self.0.to_str().unwrap(), "<DIR>")
        };
        let mut told = text(&done.stdout);
        if !told.is_empty() && !told.ends_with('\n') {
            told.push('\n');
        }
        for line in text(&done.stderr).lines() {
            let _ = writeln!(told, "! {line}");
        }
        if done.status.code() != Some(0) {
            let _ = writeln!(told, "= {:?}", done.status.code());
        }
        told
    }

    fn output(&self, client: &str, line: &str) -> Output {
        Command::new("sh")
            .args(["-c", line])
            .env("D", client)
            .env("DOCKER_CONFIG", self.0.join("config"))
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ours() -> String {
    format!("{} docker", env!("CARGO_BIN_EXE_glassdock"))
}

/// The real client, if it is here in the version that was recorded.
fn real() -> Option<&'static str> {
    let asked = Command::new("docker").arg("--version").output();
    let is = asked.is_ok_and(|output| output.stdout.starts_with(VERSION.as_bytes()));
    if !is {
        eprintln!(
            "there is no docker client of version 28.2.2: ours is compared with what was recorded"
        );
    }
    is.then_some("docker")
}

/// What a client does with all lines.
fn session(client: &str) -> String {
    let place = Place::new();
    let lines = LINES.lines().filter(|line| !line.starts_with('#'));
    let tell = |line| format!("$ {line}\n{}", place.run(client, line));
    lines.map(tell).collect()
}

#[test]
fn context_commands_do_what_those_of_docker_28_2_2_do() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contexts/session.txt");
    if let Some(real) = real() {
        expect_file![&recorded].assert_eq(&session(real));
    }
    expect_file![&recorded].assert_eq(&session(&ours()));
}

#[test]
fn each_client_reads_what_the_other_wrote() {
    let Some(real) = real() else { return };
    let ours = ours();
    for (writer, reader) in [(real, &*ours), (&*ours, real)] {
        let (place, twin) = (Place::new(), Place::new());
        for line in [
            "$D context create one --docker host=unix:///one --description 'a & b'",
            "$D context create two --docker host=tcp://1.2.3.4:5,skip-tls-verify=true",
            "$D context use two",
            "$D context export one",
        ] {
            let done = place.output(writer, line);
            assert!(done.status.success(), "{line}: {done:?}");
        }
        copy(&place, &twin);
        for line in [
            "$D context ls",
            "$D context show",
            "$D context inspect one two",
            "$D context import three one.dockercontext",
            "$D context inspect three",
            "$D context update one --description c",
            "$D context inspect one",
            "$D context rm one",
            "$D context rm -f two",
            "$D context ls",
            "find config | sort; cat config/config.json config/contexts/meta/*/meta.json",
        ] {
            let (by_reader, by_writer) = (place.run(reader, line), twin.run(writer, line));
            assert_eq!(by_reader, by_writer, "{line}, written by {writer}");
        }
    }
}

fn copy(from: &Place, to: &Place) {
    let copied = Command::new("cp")
        .args(["-rT"])
        .args([&from.0, &to.0])
        .status();
    assert!(copied.unwrap().success());
}

/// Secrets that the real client was given: ours keeps them, and goes nowhere where they would be needed.
#[test]
fn secrets_are_kept_and_tls_is_refused() {
    let (place, ours) = (Place::new(), ours());
    let tls = "config/contexts/tls/$(printf aa | sha256sum | cut -c1-64)/docker";
    let secret = format!("mkdir -p -m 700 {tls}; echo secret > {tls}/ca.pem");
    let refused = "TLS is not supported by this client yet";
    let endpoint = "! Failed to initialize: unable to resolve docker endpoint:";
    for (line, told) in [
        ("$D context create aa --docker host=unix:///x", "aa\n! Successfully created context \"aa\"\n".to_owned()),
        (&secret, String::new()),
        ("$D context inspect aa -f '{{json .TLSMaterial}}'", "{\"docker\":[\"ca.pem\"]}\n".to_owned()),
        ("$D -c aa ps", format!("{endpoint} context \"aa\": {refused}\n= Some(1)\n")),
        ("$D context create bb --from aa", "bb\n! Successfully created context \"bb\"\n".to_owned()),
        ("$D context export bb", "! Written file \"bb.dockercontext\"\n".to_owned()),
        ("tar xOf bb.dockercontext tls/docker/ca.pem", "secret\n".to_owned()),
        ("$D context import cc bb.dockercontext", "cc\n! Successfully imported context \"cc\"\n".to_owned()),
        ("cat config/contexts/tls/*/docker/ca.pem | wc -l", "3\n".to_owned()),
        ("stat -c %a config/contexts/tls/*/docker/ca.pem | sort", "600\n600\n644\n".to_owned()),
        ("$D context update aa --docker host=unix:///y", "aa\n! Successfully updated context \"aa\"\n".to_owned()),
        ("$D context rm bb cc", "bb\ncc\n".to_owned()),
        ("find config/contexts/tls -type f", String::new()),
        (
            "$D context create dd --docker host=tcp://x:1,ca=f",
            format!("! unable to create docker endpoint config: ca: {refused}\n= Some(1)\n"),
        ),
        ("$D --tlsverify ps", format!("{endpoint} {refused}\n= Some(1)\n")),
        ("DOCKER_TLS_VERIFY=1 $D ps", format!("{endpoint} {refused}\n= Some(1)\n")),
        (
            "$D -H ssh://me@host ps",
            "! Failed to initialize: ssh:// addresses are not supported by this client yet; use unix://PATH or tcp://A.B.C.D:PORT\n= Some(1)\n"
                .to_owned(),
        ),
    ] {
        assert_eq!(place.run(&ours, line), told, "{line}");
    }
}

/// Where the real client would lose what a file held, or leave half a context.
#[test]
fn what_is_damaged_is_named_and_stays_as_it_is() {
    let (place, ours) = (Place::new(), ours());
    let meta = "config/contexts/meta/$(printf aa | sha256sum | cut -c1-64)/meta.json";
    let broken = format!("printf '{{\"Name\":' > {meta}");
    let id = "961b6dd3ede3cb8ecbaacbd68de040cd78eb2ed5889130cceb4c49268ea4d506";
    let why = format!(
        "parsing <DIR>/config/contexts/meta/{id}/meta.json: EOF while parsing a value at line 1 column 8"
    );
    let settings = "<DIR>/config/config.json";
    let nope = "ca3704aa0b06f5954c79ee837faa152d84d6b2d42838f0637a15eda8337dbdce";
    for (line, told) in [
        ("$D context create aa", "aa\n! Successfully created context \"aa\"\n".to_owned()),
        (&broken, String::new()),
        ("$D context ls", format!("! failed to read metadata: {why}\n= Some(1)\n")),
        ("$D context use aa", format!("! context \"aa\": {why}\n= Some(1)\n")),
        (
            "$D context create aa",
            format!("! error while getting existing contexts: context \"aa\": {why}\n= Some(1)\n"),
        ),
        ("$D context rm aa", "aa\n".to_owned()),
        ("$D context create aa", "aa\n! Successfully created context \"aa\"\n".to_owned()),
        ("printf '{\"a\":1 2}' > config/config.json", String::new()),
        (
            "$D context use aa",
            format!(
                "! WARNING: Error parsing config file ({settings}): expected `,` or `}}` at line 1 column 8\n\
                 ! {settings} is damaged and stays as it is: expected `,` or `}}` at line 1 column 8\n= Some(1)\n"
            ),
        ),
        ("cat config/config.json", "{\"a\":1 2}\n".to_owned()),
        ("rm config/config.json; mkdir a; echo x > a/x", String::new()),
        ("tar cf up.tar --transform 's,^a/x,tls/docker/../../../x,' -P a/x", String::new()),
        (
            "$D context import bb up.tar",
            "! up.tar: tls/docker/../../../x: unexpected path format\n= Some(1)\n".to_owned(),
        ),
        ("echo no archive > up.tar; $D context import bb up.tar 2>&1 | cut -c1-7", "up.tar:\n".to_owned()),
        ("$D context export nope", format!(
                "! context \"nope\": context not found: open <DIR>/config/contexts/meta/{nope}/meta.json: \
                 no such file or directory\n= Some(1)\n"
            )),
        ("find config -name meta.json | wc -l; find . -name tls -o -name '*.dockercontext'", "1\n".to_owned()),
        ("env -u HOME -u DOCKER_CONFIG $D context show", "default\n".to_owned()),
        (
            "env -u HOME -u DOCKER_CONFIG $D context create bb",
            "! error while getting existing contexts: the folder of settings and contexts is not known: set HOME or DOCKER_CONFIG, or give --config\n= Some(1)\n"
                .to_owned(),
        ),
    ] {
        assert_eq!(place.run(&ours, line), told, "{line}");
    }
}
