//! Somebody at a terminal: scenarios of `tests/terminal`, played by system calls on either kernel.

use crate::host;
use crate::surroundings::{Act, become_shell, standard_streams};
use crate::userland::{self, Outcome, sorted};
use anyhow::{Context, bail, ensure};
use glassdock_abi::call::{IoctlReq, PrctlOp};
use glassdock_abi::flags::{OpenFlags, PollEvents, WaitFlags};
use glassdock_abi::types::{
    Clock, CloneArgs, PathArg, PollFd, WaitFor, WaitStatus, Winsize, signal,
};
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Io, OwnedFd, Pid, Proc, Result};
use glassdock_linux::Direct;
use std::path::{Path, PathBuf};

/// Bytes read at once.
const CHUNK: u64 = 65_536;
/// Nanoseconds that the shell may take to show its first prompt.
const PROMPT: u64 = 10_000_000_000;
/// Nanoseconds between looks at processes that end.
const END_PAUSE: u64 = 20_000_000;

/// One thing that is done at the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Keys are typed.
    Type(Vec<u8>),
    /// The window gets this many rows and columns.
    Resize(u16, u16),
    /// Nanoseconds pass.
    Wait(u64),
    /// The terminal's other end is closed.
    HangUp,
    /// The end: what this file holds then.
    File(String),
}

/// How what is seen is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Byte by byte.
    Bytes,
    /// The screen that the bytes draw.
    Screen,
    /// The screen, all numbers alike, without the line of the first process, which is another program on each kernel.
    Numbers,
}

/// A scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Rows and columns at the start.
    pub size: (u16, u16),
    /// How it is compared.
    pub look: Look,
    /// What is done, with the line that says so.
    pub steps: Vec<(String, Step)>,
}

/// A scenario, and how many nanoseconds without a sign end the wait for what a step shows.
#[derive(Clone, Debug)]
pub struct Play {
    scenario: Scenario,
    quiet: u64,
}

impl Scenario {
    /// As an act, with the patience of who waits.
    pub fn act(self, quiet: u64) -> Act {
        Act::Terminal(Play {
            scenario: self,
            quiet,
        })
    }

    fn parse(name: &str, text: &str) -> anyhow::Result<Scenario> {
        let mut scenario = Scenario {
            name: name.to_owned(),
            size: (24, 80),
            look: Look::Bytes,
            steps: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let step = match line.strip_prefix('@') {
                None => Some(Step::Type(keys(line)?)),
                Some(order) => scenario.order(order)?,
            };
            scenario
                .steps
                .extend(step.map(|step| (line.to_owned(), step)));
        }
        ensure!(!scenario.steps.is_empty(), "{name} has no steps");
        Ok(scenario)
    }

    /// A line that begins with `@`.
    fn order(&mut self, order: &str) -> anyhow::Result<Option<Step>> {
        let words: Vec<&str> = order.split(' ').collect();
        match words[..] {
            ["screen"] => self.look = Look::Screen,
            ["numbers"] => self.look = Look::Numbers,
            ["size", rows, cols] => self.size = (rows.parse()?, cols.parse()?),
            ["resize", rows, cols] => {
                return Ok(Some(Step::Resize(rows.parse()?, cols.parse()?)));
            }
            ["wait", ms] => return Ok(Some(Step::Wait(ms.parse::<u64>()? * 1_000_000))),
            ["hangup"] => return Ok(Some(Step::HangUp)),
            ["file", path] => return Ok(Some(Step::File(path.to_owned()))),
            _ => bail!("unknown order @{order}"),
        }
        Ok(None)
    }

    /// What was seen at each step, comparable: `(the step's line, what it showed)`.
    ///
    /// # Errors
    /// Where the bytes are not what [`perform`] writes.
    pub fn seen(&self, output: &[u8]) -> anyhow::Result<Vec<(String, String)>> {
        let mut rest = output;
        let (rows, cols) = self.size;
        let mut screen = vt100::Parser::new(rows, cols, 0);
        let mut seen = Vec::new();
        let start = ("(start)".to_owned(), Step::Wait(0));
        let steps = std::iter::once(&start).chain(&self.steps);
        for (line, step) in steps {
            let bytes = take(&mut rest)?;
            if let Step::Resize(rows, cols) = step {
                screen.screen_mut().set_size(*rows, *cols);
            }
            screen.process(bytes);
            let as_bytes = self.look == Look::Bytes || matches!(step, Step::File(_));
            let shown = match self.look {
                _ if as_bytes => escape(bytes),
                Look::Numbers => numbers_alike(&picture(screen.screen())),
                _ => picture(screen.screen()),
            };
            seen.push((line.clone(), shown));
        }
        let end = String::from_utf8_lossy(take(&mut rest)?).into_owned();
        ensure!(rest.is_empty(), "bytes after the end: {}", escape(rest));
        seen.push(("(end)".to_owned(), end));
        Ok(seen)
    }
}

/// A piece of what [`perform`] wrote. What went wrong there is a text without a length.
fn take<'a>(rest: &mut &'a [u8]) -> anyhow::Result<&'a [u8]> {
    let piece = rest.split_first_chunk().and_then(|(len, after)| {
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        after.split_at_checked(len)
    });
    let (piece, after) = piece.with_context(|| escape(rest))?;
    *rest = after;
    Ok(piece)
}

/// Bytes as text that shows controls; a line for each of theirs.
fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\n", "\\n\n")
}

/// A screen as text, with the cursor's place.
fn picture(screen: &vt100::Screen) -> String {
    let (_, cols) = screen.size();
    let rows: Vec<String> = screen
        .rows(0, cols)
        .map(|row| row.trim_end().to_owned())
        .collect();
    let (row, col) = screen.cursor_position();
    format!("{}\ncursor {row},{col}", rows.join("\n").trim_end())
}

/// Numbers become `9`, runs of blanks one.
fn numbers_alike(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("init"));
    let text: Vec<&str> = lines.collect();
    let mut out = String::new();
    for c in text.join("\n").chars() {
        let c = if c.is_ascii_digit() { '9' } else { c };
        if (c == '9' || c == ' ') && out.ends_with(c) {
            continue;
        }
        out.push(c);
    }
    out
}

/// The bytes of keys: text, and names in angle brackets.
fn keys(line: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((text, after)) = rest.split_once('<') {
        let (name, after) = after
            .split_once('>')
            .with_context(|| format!("< without > in {line:?}; <lt> is a <"))?;
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend(key(name).with_context(|| format!("unknown key <{name}>"))?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

fn key(name: &str) -> Option<Vec<u8>> {
    let bytes: &[u8] = match name {
        "CR" => b"\r",
        "NL" => b"\n",
        "Esc" => b"\x1b",
        "Tab" => b"\t",
        "BS" => b"\x7f",
        "lt" => b"<",
        "Up" => b"\x1b[A",
        "Down" => b"\x1b[B",
        "Right" => b"\x1b[C",
        "Left" => b"\x1b[D",
        "Home" => b"\x1b[H",
        "End" => b"\x1b[F",
        "Del" => b"\x1b[3~",
        "PgUp" => b"\x1b[5~",
        "PgDn" => b"\x1b[6~",
        _ => {
            let letter = name.strip_prefix("C-")?.bytes().next()?;
            return Some(vec![letter.to_ascii_uppercase() & 0x1f]);
        }
    };
    Some(bytes.to_vec())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("terminal")
}

/// All scenarios, by name.
///
/// # Errors
/// Where one cannot be read.
pub fn scenarios() -> anyhow::Result<Vec<Scenario>> {
    let mut found = Vec::new();
    for path in sorted(&folder())? {
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_stem().context("no name")?.to_string_lossy();
            found.push(scenario(&name)?);
        }
    }
    Ok(found)
}

/// A scenario by its name.
///
/// # Errors
/// Where it cannot be read or understood.
pub fn scenario(name: &str) -> anyhow::Result<Scenario> {
    let path = folder().join(name).with_extension("txt");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Scenario::parse(name, &text).with_context(|| format!("in {}", path.display()))
}

/// The name of the role in which another instance plays a scenario on the host: its input is the scenario's name and
/// how long is waited.
pub const ROLE: &str = "terminal";

/// That role, whose outcome [`userland::outcome`] reads.
///
/// # Errors
/// Where the surroundings cannot be made.
pub fn role(sys: Direct, place: String, input: String) -> anyhow::Result<Vec<u8>> {
    let (name, quiet) = input.split_once(':').context("how long is waited?")?;
    let act = scenario(name)?.act(quiet.parse()?);
    userland::play(&sys, place, userland::set(act)?)
}

/// Plays a scenario on the host's kernel. Somebody who waits takes what is not shown within `quiet` nanoseconds for not
/// coming.
///
/// # Errors
/// Without root, or where the surroundings cannot be made.
pub fn play_on_host(name: &str, quiet: u64) -> anyhow::Result<Outcome> {
    userland::outcome(&host::again(ROLE, &format!("{name}:{quiet}"))?)
}

/// The terminal's other end.
struct Master<S: Proc> {
    sys: S,
    fd: Option<OwnedFd<S>>,
    quiet: u64,
}

impl<S: Proc> Master<S> {
    /// What comes until nothing comes for as long as is waited: at least `first` nanoseconds for the first of it.
    async fn listen(&self, first: u64) -> Result<Vec<u8>> {
        let mut seen = Vec::new();
        let Some(master) = &self.fd else {
            self.sys.sleep(self.quiet).await;
            return Ok(seen);
        };
        loop {
            let wait = if seen.is_empty() { first } else { self.quiet };
            let polled = PollFd {
                fd: master.fd(),
                events: PollEvents::IN,
            };
            let events = self.sys.ppoll(vec![polled], Some(wait)).await?;
            if events.iter().all(|events| events.is_empty()) {
                return Ok(seen);
            }
            match self.sys.read(master.fd(), CHUNK).await {
                // Nobody has the terminal open any more.
                Err(Errno::EIO) => {
                    self.sys.sleep(self.quiet).await;
                    return Ok(seen);
                }
                bytes => seen.extend(bytes?),
            }
        }
    }

    /// What comes within a time.
    async fn listen_for(&self, nanos: u64) -> Result<Vec<u8>> {
        let now = || self.sys.now(Clock::Monotonic).as_nanos();
        let end = now() + nanos;
        let mut seen = Vec::new();
        while now() < end {
            let part = self.listen(self.quiet.min(end - now())).await?;
            seen.extend(part);
        }
        Ok(seen)
    }

    async fn request(&self, request: IoctlReq) -> Result<()> {
        let Some(master) = &self.fd else {
            return Err(Errno::EBADF);
        };
        let fd = master.fd();
        self.sys.call(Call::Ioctl { fd, request }).await.map(|_| ())
    }

    async fn resize(&self, rows: u16, cols: u16) -> Result<()> {
        let winsize = Winsize {
            rows,
            cols,
            xpixel: 0,
            ypixel: 0,
        };
        self.request(IoctlReq::Tiocswinsz(winsize)).await
    }

    async fn step(&mut self, step: &Step) -> Result<Vec<u8>> {
        match step {
            Step::Type(keys) => {
                if let Some(master) = &self.fd {
                    self.sys.write(master.fd(), keys.clone()).await?;
                }
            }
            Step::Resize(rows, cols) => self.resize(*rows, *cols).await?,
            Step::Wait(nanos) => return self.listen_for(*nanos).await,
            Step::HangUp => self.fd = None,
            Step::File(path) => return read_file(&self.sys, path).await,
        }
        self.listen(self.quiet).await
    }
}

async fn read_file<S: Proc>(sys: &S, path: &str) -> Result<Vec<u8>> {
    let file = match sys.openat(Fd::CWD, path.into(), OpenFlags::RDONLY, 0).await {
        Ok(file) => file,
        Err(errno) => return Ok(format!("{errno}\n").into_bytes()),
    };
    let mut bytes = Vec::new();
    loop {
        let part = sys.read(file.fd(), CHUNK).await?;
        if part.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(part);
    }
}

/// Plays a scenario: the calling process holds the terminal's other end and is the parent of those whom nobody else has.
/// To `output` goes what each step shows, and at last how the shell ended, each with its length before it.
///
/// # Errors
/// Those of the calls.
pub(crate) async fn perform<S: Proc>(sys: &S, play: Play, output: Fd) -> Result<()> {
    let Play { scenario, quiet } = play;
    let op = PrctlOp::SetName(b"init".to_vec());
    sys.call(Call::Prctl { op }).await?;
    let flags = OpenFlags::RDWR | OpenFlags::NOCTTY;
    let fd = sys.openat(Fd::CWD, "/dev/ptmx".into(), flags, 0).await?;
    let mut master = Master {
        sys: sys.clone(),
        fd: Some(fd),
        quiet,
    };
    master.request(IoctlReq::Tiocsptlck(false)).await?;
    master.resize(scenario.size.0, scenario.size.1).await?;
    let args = CloneArgs {
        exit_signal: signal::CHLD,
        ..CloneArgs::default()
    };
    let shell = sys.clone_with(args, sit_down).await?;
    put(sys, output, master.listen(PROMPT).await?).await?;
    for (_, step) in &scenario.steps {
        let seen = master.step(step).await?;
        put(sys, output, seen).await?;
    }
    master.fd = None;
    let end = end(sys, shell, quiet).await?;
    put(sys, output, end.into_bytes()).await
}

async fn put<S: Proc>(sys: &S, output: Fd, piece: Vec<u8>) -> Result<()> {
    let len = u32::try_from(piece.len()).map_err(|_| Errno::EOVERFLOW)?;
    let bytes = [&len.to_le_bytes()[..], &piece].concat();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let taken = sys.write(output, rest.to_vec()).await?;
        rest = rest.get(taken..).ok_or(Errno::EIO)?;
    }
    Ok(())
}

/// The clone that becomes the shell: leader of a session, with the terminal as its own.
fn sit_down<S: Proc>(sys: S) -> BoxFuture<'static, u8> {
    Box::pin(async move {
        let start = async {
            sys.call(Call::Setsid {}).await?;
            let path = PathArg::from("/dev/pts/0");
            let tty = sys.openat(Fd::CWD, path, OpenFlags::RDWR, 0).await?;
            let fd = tty.fd();
            standard_streams(&sys, tty, fd).await?;
            become_shell(&sys, &["sh"]).await
        };
        match start.await {
            Ok(()) => 0,
            Err(_) => 255,
        }
    })
}

/// Waits for the shell, and for all others as far as they end by themselves; then those that are left are killed.
async fn end<S: Proc>(sys: &S, shell: Pid, quiet: u64) -> Result<String> {
    let mut text = String::from("the shell goes on");
    let end = sys.now(Clock::Monotonic).as_nanos() + quiet;
    let mut killed = 0;
    loop {
        let options = WaitFlags::EXITED | WaitFlags::NOHANG;
        match sys.waitid(WaitFor::Any, options).await {
            Ok(Some(waited)) if waited.pid == shell => {
                text = match waited.status {
                    WaitStatus::Exited(status) => format!("the shell exited with {status}"),
                    WaitStatus::Killed(number, _) => format!("signal {number} killed the shell"),
                    WaitStatus::Stopped(_) | WaitStatus::Continued => return Err(Errno::EPROTO),
                };
            }
            Ok(Some(_)) => killed += u32::from(sys.now(Clock::Monotonic).as_nanos() >= end),
            Err(Errno::ECHILD) => return Ok(format!("{text}; {killed} were killed at last")),
            Err(errno) => return Err(errno),
            Ok(None) if sys.now(Clock::Monotonic).as_nanos() < end => sys.sleep(END_PAUSE).await,
            Ok(None) => {
                sys.kill(Pid(-1), signal::KILL).await?;
                sys.sleep(END_PAUSE).await;
            }
        }
    }
}
