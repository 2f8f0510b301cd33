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

/// How long the host may take to pass bytes from one end to the other.
const HOST_DELAY_MS: i64 = 3;

/// One thing that is done to a terminal.
#[derive(Clone, Debug)]
enum Act {
    Type(Vec<u8>),
    Write(Vec<u8>),
    Read(usize),
    Settings { iflag: u32, oflag: u32, lflag: u32 },
}

/// A terminal of either kind, without blocking: `None` means that it would block.
trait Terminal {
    fn type_in(&mut self, bytes: &[u8]);
    fn write(&mut self, bytes: &[u8]) -> Option<usize>;
    fn read(&mut self, max: usize) -> Option<Vec<u8>>;
    fn settings(&mut self, change: impl FnOnce(&mut Termios));
    fn shown(&mut self) -> Vec<u8>;
}

impl Terminal for Pty {
    fn type_in(&mut self, bytes: &[u8]) {
        assert_eq!(self.write_master(bytes), Ok(bytes.len()));
        self.take_signals();
    }
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        would_block(self.write_slave(bytes))
    }
    fn read(&mut self, max: usize) -> Option<Vec<u8>> {
        would_block(self.read_slave(max, true, false))
    }
    fn settings(&mut self, change: impl FnOnce(&mut Termios)) {
        let mut termios = self.termios();
        change(&mut termios);
        self.set_termios(termios);
    }
    fn shown(&mut self) -> Vec<u8> {
        would_block(self.read_master(65_536)).unwrap_or_default()
    }
}

fn would_block<T>(result: Result<T, Errno>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Errno::EAGAIN) => None,
        Err(errno) => panic!("unexpected {errno:?}"),
    }
}

struct Host {
    master: OwnedFd,
    slave: OwnedFd,
}

impl Host {
    fn new() -> Host {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        unlockpt(&master).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let slave = open(ptsname(&master, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
        Host { master, slave }
    }
    fn settle(&self) {
        std::thread::sleep(std::time::Duration::from_millis(HOST_DELAY_MS as u64));
    }
}

impl Terminal for Host {
    fn type_in(&mut self, bytes: &[u8]) {
        assert_eq!(rustix::io::write(&self.master, bytes), Ok(bytes.len()));
        self.settle();
    }
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        match rustix::io::write(&self.slave, bytes) {
            Err(rustix::io::Errno::AGAIN) => None,
            written => Some(written.unwrap()),
        }
    }
    fn read(&mut self, max: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; max];
        match rustix::io::read(&self.slave, &mut bytes[..]) {
            Err(rustix::io::Errno::AGAIN) => None,
            read => {
                bytes.truncate(read.unwrap());
                Some(bytes)
            }
        }
    }
    fn settings(&mut self, change: impl FnOnce(&mut Termios)) {
        let mut theirs = host::tcgetattr(&self.slave).unwrap();
        let mut ours = Termios {
            iflag: theirs.input_modes.bits(),
            oflag: theirs.output_modes.bits(),
            cflag: theirs.control_modes.bits(),
            lflag: theirs.local_modes.bits(),
            ..DEFAULT
        };
        change(&mut ours);
        theirs.input_modes = host::InputModes::from_bits_retain(ours.iflag);
        theirs.output_modes = host::OutputModes::from_bits_retain(ours.oflag);
        theirs.local_modes = host::LocalModes::from_bits_retain(ours.lflag);
        host::tcsetattr(&self.slave, host::OptionalActions::Now, &theirs).unwrap();
    }
    fn shown(&mut self) -> Vec<u8> {
        self.settle();
        let mut shown = Vec::new();
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        while poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&now)).unwrap() > 0 {
            let mut bytes = [0; 4096];
            let read = rustix::io::read(&self.master, &mut bytes).unwrap();
            shown.extend_from_slice(&bytes[..read]);
        }
        shown
    }
}

/// What a person at the terminal and the program behind it saw.
fn perform(terminal: &mut impl Terminal, acts: &[Act]) -> Vec<String> {
    let mut seen = Vec::new();
    for act in acts {
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
        }
        seen.push(format!("shown {}", terminal.shown().escape_ascii()));
    }
    seen
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
        subset(&[ISTRIP, INLCR, IGNCR, ICRNL, IXON, IXANY, IUTF8]),
        subset(&[OPOST, ONLCR, OCRNL, ONOCR, ONLRET, XTABS]),
        subset(&[
            ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, ECHOCTL, ECHOPRT, ECHOKE, IEXTEN,
        ]),
    );
    prop_oneof![
        6 => keystrokes().prop_map(Act::Type),
        2 => keystrokes().prop_map(Act::Write),
        3 => (1..40usize).prop_map(Act::Read),
        1 => settings.prop_map(|(iflag, oflag, lflag)| Act::Settings { iflag, oflag, lflag }),
    ]
}

fn pty() -> Pty {
    let mut pty = Pty::new();
    pty.locked = false;
    pty.open_slave().unwrap();
    pty
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn a_terminal_behaves_as_the_hosts(acts in prop::collection::vec(acts(), 1..8)) {
        let ours = perform(&mut pty(), &acts);
        let theirs = perform(&mut Host::new(), &acts);
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
    assert_eq!(
        runs_as_counts(perform(&mut pty(), &acts)),
        runs_as_counts(perform(&mut Host::new(), &acts))
    );
}
