//! The simulated line discipline beside the host's: the same settings and keystrokes on both, the same echo and lines.
#![cfg(target_os = "linux")]

use glassdock_abi::Errno;
use glassdock_abi::types::Termios;
use glassdock_kernel::tty::{Pty, termios::*};
use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios as host;
use rustix::termios::SpecialCodeIndex;
use std::time::Duration;

/// How long the host may take to pass bytes from one end to the other where nothing tells that it did. A worker of its
/// kernel does that beside us, now and then slowly, and races with what comes next: the host has behaved otherwise only
/// where it does so after each of these.
const HOST_DELAYS_MS: [u64; 6] = [0, 1, 1, 5, 20, 100];

/// One thing that is done to a terminal.
#[derive(Clone, Debug)]
enum Act {
    Type(Vec<u8>),
    Write(Vec<u8>),
    Read(usize),
    Settings { iflag: u32, oflag: u32, lflag: u32 },
    Control(u32),
    Character(usize, u8),
    Flush(host::QueueSelector),
    Flow(host::Action),
    Reopen,
    Close,
}

/// A terminal of either kind, without blocking: `None` means that it would block.
trait Terminal {
    fn type_in(&mut self, bytes: &[u8]);
    fn write(&mut self, bytes: &[u8]) -> Option<usize>;
    fn read(&mut self, max: usize) -> Option<Vec<u8>>;
    fn settings(&mut self, change: impl FnOnce(&mut Termios));
    fn flush(&mut self, queue: host::QueueSelector);
    fn flow(&mut self, action: host::Action);
    fn set_open(&mut self, open: bool);
    fn is_open(&self) -> bool;
    fn readable(&self) -> usize;
    /// What the master has to read, and whether it is told that nobody has the slave open.
    fn shown(&mut self) -> (Vec<u8>, bool);
}

/// The simulated one, and whether its slave is open.
struct Simulated(Pty, bool);

impl Simulated {
    fn new() -> Simulated {
        let mut pty = Pty::new();
        pty.locked = false;
        pty.open_slave().unwrap();
        Simulated(pty, true)
    }
}

impl Terminal for Simulated {
    fn type_in(&mut self, bytes: &[u8]) {
        assert_eq!(self.0.write_master(bytes), Ok(bytes.len()));
        self.0.take_signals();
    }
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        would_block(self.0.write_slave(bytes))
    }
    fn read(&mut self, max: usize) -> Option<Vec<u8>> {
        would_block(self.0.read_slave(max, true, false))
    }
    fn settings(&mut self, change: impl FnOnce(&mut Termios)) {
        let mut termios = self.0.termios();
        change(&mut termios);
        self.0.set_termios(termios);
    }
    fn flush(&mut self, queue: host::QueueSelector) {
        if queue != host::QueueSelector::OFlush {
            self.0.flush_input();
        }
        if queue != host::QueueSelector::IFlush {
            self.0.flush_output();
        }
    }
    fn flow(&mut self, action: host::Action) {
        match action {
            host::Action::OOff => self.0.suspend_output(true),
            host::Action::OOn => self.0.suspend_output(false),
            host::Action::IOff => self.0.send_flow(false),
            host::Action::IOn => self.0.send_flow(true),
        }
    }
    fn set_open(&mut self, open: bool) {
        self.1 = open;
        if open {
            self.0.open_slave().unwrap();
        } else {
            self.0.close_slave();
        }
    }
    fn is_open(&self) -> bool {
        self.1
    }
    fn readable(&self) -> usize {
        self.0.readable_bytes()
    }
    fn shown(&mut self) -> (Vec<u8>, bool) {
        let mut shown = Vec::new();
        loop {
            match self.0.read_master(4096) {
                Err(Errno::EAGAIN) => return (shown, false),
                Err(Errno::EIO) => return (shown, true),
                read => shown.extend(read.unwrap()),
            }
        }
    }
}

fn would_block<T>(result: Result<T, Errno>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Errno::EAGAIN) => None,
        Err(errno) => panic!("unexpected {errno:?}"),
    }
}

fn host_would_block<T>(result: rustix::io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(rustix::io::Errno::AGAIN) => None,
        Err(errno) => panic!("unexpected {errno:?}"),
    }
}

struct Host {
    master: OwnedFd,
    slave: Option<OwnedFd>,
    delay: Duration,
}

impl Host {
    fn new(delay_ms: u64) -> Host {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        let mut host = Host {
            master,
            slave: None,
            delay: Duration::from_millis(delay_ms),
        };
        host.set_open(true);
        host
    }
    fn slave(&self) -> &OwnedFd {
        self.slave.as_ref().expect("acts use a slave that is open")
    }
    /// Waits until the typed bytes have arrived: where nothing is there to read, asking makes the kernel pass them on.
    fn settle(&self) {
        if let Some(slave) = &self.slave {
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            let there = poll(&mut [PollFd::new(slave, PollFlags::IN)], Some(&now)).unwrap();
            if there == 0 && self.delay.is_zero() {
                return;
            }
        }
        std::thread::sleep(self.delay.max(Duration::from_millis(1)));
    }
}

impl Terminal for Host {
    fn type_in(&mut self, bytes: &[u8]) {
        assert_eq!(rustix::io::write(&self.master, bytes), Ok(bytes.len()));
        self.settle();
    }
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        host_would_block(rustix::io::write(self.slave(), bytes))
    }
    fn read(&mut self, max: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; max];
        let read = host_would_block(rustix::io::read(self.slave(), &mut bytes[..]))?;
        bytes.truncate(read);
        self.settle();
        Some(bytes)
    }
    fn settings(&mut self, change: impl FnOnce(&mut Termios)) {
        let mut theirs = host::tcgetattr(self.slave()).unwrap();
        let mut ours = Termios {
            iflag: theirs.input_modes.bits(),
            oflag: theirs.output_modes.bits(),
            cflag: theirs.control_modes.bits(),
            lflag: theirs.local_modes.bits(),
            ..DEFAULT
        };
        for (at, index) in INDICES {
            ours.cc[*at] = theirs.special_codes[*index];
        }
        change(&mut ours);
        theirs.input_modes = host::InputModes::from_bits_retain(ours.iflag);
        theirs.output_modes = host::OutputModes::from_bits_retain(ours.oflag);
        theirs.control_modes = host::ControlModes::from_bits_retain(ours.cflag);
        theirs.local_modes = host::LocalModes::from_bits_retain(ours.lflag);
        for (at, index) in INDICES {
            theirs.special_codes[*index] = ours.cc[*at];
        }
        host::tcsetattr(self.slave(), host::OptionalActions::Now, &theirs).unwrap();
        self.settle();
    }
    fn flush(&mut self, queue: host::QueueSelector) {
        host::tcflush(self.slave(), queue).unwrap();
    }
    fn flow(&mut self, action: host::Action) {
        host::tcflow(self.slave(), action).unwrap();
    }
    fn set_open(&mut self, is_open: bool) {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = ptsname(&self.master, Vec::new()).unwrap();
        self.slave = is_open.then(|| open(path, flags, Mode::empty()).unwrap());
    }
    fn is_open(&self) -> bool {
        self.slave.is_some()
    }
    fn readable(&self) -> usize {
        rustix::io::ioctl_fionread(self.slave()).unwrap() as usize
    }
    fn shown(&mut self) -> (Vec<u8>, bool) {
        let mut shown = Vec::new();
        loop {
            let mut bytes = [0; 4096];
            match rustix::io::read(&self.master, &mut bytes) {
                Err(rustix::io::Errno::AGAIN) => return (shown, false),
                Err(rustix::io::Errno::IO) => return (shown, true),
                read => shown.extend_from_slice(&bytes[..read.unwrap()]),
            }
        }
    }
}

/// The control characters that the test changes, as both sides name them.
const INDICES: &[(usize, SpecialCodeIndex)] = &[
    (VINTR, SpecialCodeIndex::VINTR),
    (VERASE, SpecialCodeIndex::VERASE),
    (VEOF, SpecialCodeIndex::VEOF),
    (VTIME, SpecialCodeIndex::VTIME),
    (VMIN, SpecialCodeIndex::VMIN),
    (VSTART, SpecialCodeIndex::VSTART),
    (VEOL, SpecialCodeIndex::VEOL),
    (VEOL2, SpecialCodeIndex::VEOL2),
];

/// What a person at the terminal and the program behind it saw.
fn perform(terminal: &mut impl Terminal, acts: &[Act]) -> Vec<String> {
    let mut seen = Vec::new();
    for act in acts {
        let inside = !matches!(act, Act::Type(_) | Act::Reopen);
        if inside && !terminal.is_open() {
            continue;
        }
        match act {
            Act::Type(bytes) => terminal.type_in(bytes),
            Act::Write(bytes) => seen.push(format!("wrote {:?}", terminal.write(bytes))),
            Act::Read(max) => {
                let read = terminal
                    .read(*max)
                    .map(|bytes| bytes.escape_ascii().to_string());
                seen.push(format!("read {read:?}"));
            }
            Act::Settings {
                iflag,
                oflag,
                lflag,
            } => terminal.settings(|termios| {
                (termios.iflag, termios.oflag, termios.lflag) = (*iflag, *oflag, *lflag);
            }),
            Act::Control(cflag) => {
                terminal.settings(|termios| termios.cflag ^= cflag);
                terminal.settings(|termios| seen.push(format!("control {:o}", termios.cflag)));
            }
            Act::Character(index, value) => {
                terminal.settings(|termios| termios.cc[*index] = *value);
            }
            Act::Flush(queue) => terminal.flush(*queue),
            Act::Flow(action) => terminal.flow(*action),
            Act::Reopen => {
                terminal.set_open(false);
                terminal.set_open(true);
            }
            Act::Close => terminal.set_open(false),
        }
        let (shown, closed) = terminal.shown();
        let readable = terminal.is_open().then(|| terminal.readable());
        let shown = shown.escape_ascii();
        seen.push(format!(
            "shown {shown} closed {closed} readable {readable:?}"
        ));
    }
    seen
}

/// What both saw, the host at its first way of passing bytes on that is as ours, else at its last.
fn compare(acts: &[Act]) -> (Vec<String>, Vec<String>) {
    let ours = perform(&mut Simulated::new(), acts);
    let mut theirs = Vec::new();
    for delay in HOST_DELAYS_MS {
        theirs = perform(&mut Host::new(delay), acts);
        if theirs == ours {
            break;
        }
    }
    (ours, theirs)
}

/// Any mix of these bits; the ones that make a terminal raw or line-wise are frequent in both states.
fn subset(bits: &'static [u32]) -> impl Strategy<Value = u32> {
    prop::collection::vec(any::<bool>(), bits.len()).prop_map(|chosen| {
        bits.iter()
            .zip(chosen)
            .filter(|(_, on)| *on)
            .map(|(bit, _)| bit)
            .sum()
    })
}

fn keystrokes() -> impl Strategy<Value = Vec<u8>> {
    // Letters, blanks, tabs, every default control character, Latin-1 and UTF-8.
    let keys: Vec<u8> = b"aZ0_ -\t\r\n\x03\x04\x08\x0f\x11\x12\x13\x15\x16\x17\x1c\x7f\x01\x00\xc3\xa9\xe4\xb8\xad\xff".to_vec();
    prop::collection::vec(prop::sample::select(keys), 1..24)
}

fn acts() -> impl Strategy<Value = Act> {
    let settings = (
        subset(&[
            ISTRIP, INLCR, IGNCR, ICRNL, IUCLC, IXON, IXANY, PARMRK, IUTF8,
        ]),
        subset(&[OPOST, OLCUC, ONLCR, OCRNL, ONOCR, ONLRET, XTABS]),
        subset(&[
            ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, ECHOCTL, ECHOPRT, ECHOKE, IEXTEN,
            EXTPROC,
        ]),
    );
    let characters: Vec<usize> = INDICES.iter().map(|(at, _)| *at).collect();
    let values = vec![0, 1, 3, b'a', b'\t', b' ', 0x7f, 0xff];
    let character = (
        prop::sample::select(characters),
        prop::sample::select(values),
    );
    use host::{Action, QueueSelector};
    let flow = vec![Action::OOff, Action::OOn, Action::IOff, Action::IOn];
    let queues = vec![
        QueueSelector::IFlush,
        QueueSelector::OFlush,
        QueueSelector::IOFlush,
    ];
    prop_oneof![
        24 => keystrokes().prop_map(Act::Type),
        8 => keystrokes().prop_map(Act::Write),
        12 => (1..40usize).prop_map(Act::Read),
        6 => settings.prop_map(|(iflag, oflag, lflag)| Act::Settings { iflag, oflag, lflag }),
        1 => subset(&[CSIZE, PARENB, CREAD, 0o100, 0o4000, 0o10000]).prop_map(Act::Control),
        3 => character.prop_map(|(at, value)| Act::Character(at, value)),
        1 => prop::sample::select(queues).prop_map(Act::Flush),
        2 => prop::sample::select(flow).prop_map(Act::Flow),
        1 => Just(Act::Reopen),
        1 => Just(Act::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]
    // At most 240 bytes either way: a real terminal passes more on in pieces that depend on its buffers.
    #[test]
    fn a_terminal_behaves_as_the_hosts(acts in prop::collection::vec(acts(), 1..11)) {
        let (ours, theirs) = compare(&acts);
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn a_line_longer_than_the_buffer_keeps_its_end() {
    let quiet = Act::Settings {
        iflag: ICRNL,
        oflag: OPOST,
        lflag: ICANON,
    };
    let acts = [
        quiet,
        Act::Type(vec![b'x'; 5000]),
        Act::Type(b"y\n".to_vec()),
        Act::Read(8192),
        Act::Read(8192),
    ];
    let runs_as_counts = |seen: Vec<String>| {
        seen.join(";")
            .replace(&"x".repeat(1000), "<1000x>")
            .replace("xxxxx", "<5x>")
    };
    let (ours, theirs) = compare(&acts);
    assert_eq!(runs_as_counts(ours), runs_as_counts(theirs));
}

#[test]
fn flow_control_works_with_a_full_buffer() {
    let raw = Act::Settings {
        iflag: IXON,
        oflag: OPOST,
        lflag: 0,
    };
    let acts = [
        raw,
        Act::Type(vec![b'x'; 6000]),
        Act::Type(b"\x13y".to_vec()),
        Act::Write(b"stopped".to_vec()),
        Act::Type(b"\x11z".to_vec()),
        Act::Write(b"flows".to_vec()),
    ];
    let (ours, theirs) = compare(&acts);
    assert_eq!(ours, theirs);
}
