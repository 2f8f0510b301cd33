//! Nothing that a program is or does makes the kernel panic, or change without telling.

use glassdock_abi::types::{Termios, Timespec, Winsize};
use glassdock_abi::{Errno, nr};
use glassdock_kernel::tty::Pty;
use glassdock_kernel::{Config, ImportMeta, ImportNode, Input, Kernel, Limits, RunState};
use glassdock_trace::{EventKind, World};
use proptest::prelude::*;

/// Where the program of these tests lies, and its code and data in it.
const BASE: u64 = 0x40_0000;
const CODE: usize = 0x100;
const DATA: usize = 0x4000;
/// Bytes of the program.
const SIZE: usize = 0x6000;
/// Instructions that a program may run.
const INSTRUCTIONS: u64 = 200_000;
/// Slices that a machine may take: who waits is woken by time.
const SLICES: u32 = 50;

/// A static program: one segment with all rights, that holds its own header, this code and this data.
fn program(code: &[u8], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0; SIZE];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 62, 0, 1]);
    put(24, &(BASE + CODE as u64).to_le_bytes());
    put(32, &64_u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, 1, 0]);
    put(64, &[1, 0, 0, 0, 7]);
    for (word, value) in [0, BASE, BASE, SIZE as u64, SIZE as u64, 0x1000]
        .into_iter()
        .enumerate()
    {
        put(72 + 8 * word, &value.to_le_bytes());
    }
    put(CODE, code);
    put(DATA, data);
    file
}

fn machine(file: &[u8]) -> Kernel {
    let mut kernel = Kernel::new(Config {
        memory_frames: 4096,
        ..Config::default()
    });
    let meta = |mode| ImportMeta {
        mode,
        uid: 0,
        gid: 0,
        mtime: Timespec { sec: 0, nsec: 0 },
    };
    for dir in ["proc", "dev", "sys", "tmp", "run"] {
        kernel
            .import(dir.as_bytes(), &meta(0o755), ImportNode::Directory)
            .expect("import");
    }
    kernel
        .import(b"program", &meta(0o755), ImportNode::File(file))
        .expect("import");
    kernel.mount_system().expect("system mounts");
    kernel
}

/// Runs it, letting time pass, and compares what the trace tells with what is.
fn run(kernel: &mut Kernel) {
    for _ in 0..SLICES {
        match kernel.run(Limits::jumping(INSTRUCTIONS / u64::from(SLICES))) {
            RunState::Halted | RunState::Idle(_) => break,
            RunState::Busy => {}
        }
    }
    let mut world = World::default();
    for (_, event) in kernel.tracer().read(0, usize::MAX) {
        if let EventKind::Delta { delta, .. } = event.kind {
            world.apply(delta).expect("a delta fits");
        }
    }
    let wrong = world.differences(&kernel.inspect());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a program passes to a call: numbers, descriptors, addresses of its own and of nobody.
fn argument() -> impl Strategy<Value = u64> {
    let data = BASE + DATA as u64;
    prop_oneof![
        4 => 0..8_u64,
        4 => (0..64_u64).prop_map(move |at| data + at * 64),
        1 => 0..4096_u64,
        1 => (0..64_u32).prop_map(|bit| 1 << bit),
        1 => Just(u64::MAX),
        1 => Just(-100_i64 as u64),
        1 => Just(BASE + SIZE as u64 - 3),
        1 => Just(0x7fff_ffff_f000),
        1 => any::<u64>(),
    ]
}

/// Loads the registers of a call and makes it.
fn call(number: u32, args: [u64; 6], code: &mut Vec<u8>) {
    // mov rax, rdi, rsi, rdx, r10, r8, r9 ← imm64; syscall
    let opcodes = [
        [0x48, 0xb8],
        [0x48, 0xbf],
        [0x48, 0xbe],
        [0x48, 0xba],
        [0x49, 0xba],
        [0x49, 0xb8],
        [0x49, 0xb9],
    ];
    for (opcode, value) in opcodes
        .iter()
        .zip(std::iter::once(u64::from(number)).chain(args))
    {
        code.extend(opcode);
        code.extend(value.to_le_bytes());
    }
    code.extend([0x0f, 0x05]);
}

/// The data that pointers lead to: paths, numbers, structures of nothing in particular.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"/tmp/a\0".to_vec()),
        Just(b"/proc/self/fd\0".to_vec()),
        Just(b"/dev/ptmx\0".to_vec()),
        Just(b"/tmp\0".to_vec()),
        Just(b"tmpfs\0".to_vec()),
        Just(b"/program\0".to_vec()),
        Just(b"..\0".to_vec()),
        Just(vec![0; 64]),
        Just(vec![0xff; 64]),
        prop::collection::vec(
            (BASE + DATA as u64..BASE + SIZE as u64).prop_map(u64::to_le_bytes),
            8
        )
        .prop_map(|words| words.concat()),
        prop::collection::vec(any::<u8>(), 64),
        prop::collection::vec(0..6_u32, 16)
            .prop_map(|words| words.into_iter().flat_map(u32::to_le_bytes).collect()),
    ];
    prop::collection::vec(piece, 64).prop_map(|pieces| {
        let padded = pieces.into_iter().flat_map(|mut piece| {
            piece.resize(64, 0);
            piece
        });
        padded.collect()
    })
}

#[derive(Clone, Debug)]
enum Step {
    Type(Vec<u8>),
    Write(Vec<u8>),
    Read(usize),
    Output(usize),
    Settings(Box<Termios>),
    Flush(bool),
    Size(u16),
    Open,
    Close,
    HangUp,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || prop::collection::vec(prop_oneof![any::<u8>(), 0..32_u8, Just(0x7f)], 0..40);
    let settings =
        (any::<[u32; 4]>(), any::<u8>(), any::<[u8; 19]>()).prop_map(|(flags, line, cc)| {
            Step::Settings(Box::new(Termios {
                iflag: flags[0],
                oflag: flags[1],
                cflag: flags[2],
                lflag: flags[3],
                line,
                cc,
            }))
        });
    prop_oneof![
        4 => bytes().prop_map(Step::Type),
        3 => bytes().prop_map(Step::Write),
        1 => (0..5000_usize).prop_map(|n| Step::Write(vec![b'\t'; n * 4])),
        1 => (0..5000_usize).prop_map(|n| Step::Type(vec![b'x'; n])),
        3 => (0..100_usize).prop_map(Step::Read),
        3 => (0..5000_usize).prop_map(Step::Output),
        2 => settings,
        1 => any::<bool>().prop_map(Step::Flush),
        1 => any::<u16>().prop_map(Step::Size),
        1 => Just(Step::Open),
        1 => Just(Step::Close),
        1 => Just(Step::HangUp),
    ]
}

proptest! {
    #[test]
    fn any_calls_of_a_program(
        calls in prop::collection::vec((0..470_u32, [argument(), argument(), argument(), argument(), argument(), argument()]), 1..40),
        data in data(),
    ) {
        let mut code = Vec::new();
        for (number, args) in calls {
            // The end of the only process would be the end of the test.
            if ![nr::exit, nr::exit_group, nr::reboot].contains(&number) {
                call(number, args, &mut code);
            }
        }
        call(nr::exit_group, [0; 6], &mut code);
        let mut kernel = machine(&program(&code, &data));
        kernel.boot("/program", &["program"], &[], None).expect("it starts");
        run(&mut kernel);
    }

    #[test]
    fn any_executable(
        flips in prop::collection::vec((0..0x200_usize, any::<u8>()), 0..12),
        words in prop::collection::vec((0..15_usize, any::<u64>()), 0..3),
        len in prop_oneof![Just(SIZE), 0..SIZE],
    ) {
        let mut file = program(&[0xeb, 0xfe], b"");
        for (at, byte) in flips {
            file[at] = byte;
        }
        for (at, word) in words {
            file[8 * at..8 * at + 8].copy_from_slice(&word.to_le_bytes());
        }
        file.truncate(len);
        let mut kernel = machine(&file);
        if kernel.boot("/program", &["program"], &[], None).is_ok() {
            run(&mut kernel);
        }
    }

    #[test]
    fn any_bytes_as_a_program(bytes in prop::collection::vec(any::<u8>(), 0..200), script: bool) {
        let file = if script { [b"#!".as_slice(), &bytes].concat() } else { bytes };
        let mut kernel = machine(&file);
        let refused = kernel.boot("/program", &["program"], &[], None);
        prop_assert!(refused.is_err());
    }

    #[test]
    fn any_use_of_a_terminal(steps in prop::collection::vec(step(), 1..40)) {
        let mut pty = Pty::new();
        pty.locked = false;
        for step in steps {
            match step {
                Step::Type(bytes) => { let _ = pty.write_master(&bytes); }
                Step::Write(bytes) => { let _ = pty.write_slave(&bytes); }
                Step::Read(n) => match pty.read_slave(n, true, true) {
                    Ok(bytes) => prop_assert!(bytes.len() <= n),
                    Err(errno) => prop_assert!([Errno::EAGAIN, Errno::EIO].contains(&errno)),
                },
                Step::Output(n) => { let _ = pty.read_master(n); }
                Step::Settings(termios) => pty.set_termios(*termios),
                Step::Flush(input) => if input { pty.flush_input() } else { pty.flush_output() },
                Step::Size(rows) => pty.set_winsize(Winsize { rows, cols: 1, xpixel: 0, ypixel: 0 }),
                Step::Open => { let _ = pty.open_slave(); }
                Step::Close => pty.close_slave(),
                Step::HangUp => if pty.poll_master().is_empty() { pty.close_master() },
            }
            pty.take_signals();
            let _ = (pty.poll_slave(), pty.poll_master(), pty.read_timer(), pty.readable_bytes());
        }
    }

    #[test]
    fn any_input_of_a_machine(inputs in prop::collection::vec((0..5_u8, any::<u64>(), prop::collection::vec(any::<u8>(), 0..50)), 0..20)) {
        // A program that reads its terminal for ever.
        let mut code = Vec::new();
        call(nr::read, [0, BASE + DATA as u64, 100, 0, 0, 0], &mut code);
        let back = -(code.len() as i32 + 5);
        code.push(0xe9);
        code.extend(back.to_le_bytes());
        let mut kernel = machine(&program(&code, b""));
        let console = kernel.open_console(Winsize::default()).expect("a console");
        kernel.boot("/program", &["program"], &[], Some(console)).expect("it starts");
        for (kind, number, bytes) in inputs {
            let foreign = glassdock_kernel::ConsoleId(number as u32);
            kernel.input(match kind {
                0 => Input::Bytes(console, bytes),
                1 => Input::Bytes(foreign, bytes),
                2 => Input::Advance(number),
                3 => Input::Resize(foreign, Winsize { rows: number as u16, cols: 0, xpixel: 0, ypixel: 0 }),
                _ => Input::Taken(foreign),
            });
            kernel.run(Limits::slice(1000));
        }
        run(&mut kernel);
    }
}
