//! Malformed executables: the simulated kernel does with each what the real one does.

#![cfg(target_os = "linux")]

use glassdock_abi::types::{Timespec, WaitStatus};
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Bytes of the file header, and of a program header.
const EHDR: usize = 64;
const PHDR: usize = 56;
/// Program headers of the executables here.
const PHDRS: usize = 3;
/// Where code is in the file.
const CODE: usize = 0x120;
/// `PT_LOAD`, `PT_INTERP`, `PT_GNU_STACK`.
const LOAD: u32 = 1;
const INTERP: u32 = 3;
const STACK: u32 = 0x6474_e551;
/// Instructions that a mutated program may run before it is said to hang.
const INSTRUCTIONS: u64 = 3_000_000;
/// How long it may take on the real kernel.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of an `execve`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It failed, with this error number.
    Errno(i32),
    /// The new program ended with this status.
    Exited(i32),
    /// It was killed by this signal.
    Killed(i32),
    /// It ran on.
    Hangs,
}

/// A static executable that exits with 42: a word of its data and one of its zeroed memory, which it also writes.
fn executable(relocatable: bool) -> Vec<u8> {
    let base: u64 = if relocatable { 0 } else { 0x40_0000 };
    let mut file = vec![0; 0x1010];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    let kind: u16 = if relocatable { 3 } else { 2 };
    put(16, &kind.to_le_bytes());
    put(18, &62_u16.to_le_bytes());
    put(20, &1_u32.to_le_bytes());
    put(24, &(base + CODE as u64).to_le_bytes());
    put(32, &(EHDR as u64).to_le_bytes());
    put(52, &(EHDR as u16).to_le_bytes());
    put(54, &(PHDR as u16).to_le_bytes());
    put(56, &(PHDRS as u16).to_le_bytes());
    let segments: [(u32, u32, [u64; 6]); PHDRS] = [
        (LOAD, 5, [0, base, base, 0x200, 0x200, 0x1000]),
        (
            LOAD,
            6,
            [0x1000, base + 0x2000, base + 0x2000, 0x10, 0x3000, 0x1000],
        ),
        (STACK, 6, [0, 0, 0, 0, 0, 16]),
    ];
    for (row, (kind, flags, words)) in segments.iter().enumerate() {
        let at = EHDR + row * PHDR;
        put(at, &kind.to_le_bytes());
        put(at + 4, &flags.to_le_bytes());
        for (word, value) in words.iter().enumerate() {
            put(at + 8 + 8 * word, &value.to_le_bytes());
        }
    }
    // mov edi, [data]; add edi, [zeroed]; inc dword [zeroed]; mov eax, 60; syscall — relative to the next instruction.
    let (data, zeroed) = (0x2000_u32, 0x4000_u32);
    let mut code = Vec::new();
    for (opcode, target) in [
        ([0x8b, 0x3d], data),
        ([0x03, 0x3d], zeroed),
        ([0xff, 0x05], zeroed),
    ] {
        code.extend(opcode);
        let next = (CODE + code.len() + 4) as u32;
        code.extend((target - next).to_le_bytes());
    }
    code.extend([0xb8, 60, 0, 0, 0, 0x0f, 0x05]);
    put(CODE, &code);
    put(0x1000, &42_u32.to_le_bytes());
    file
}

/// Executables with one thing wrong (or changed without harm), each with what it is.
fn mutants(relocatable: bool) -> Vec<(String, Vec<u8>)> {
    let good = executable(relocatable);
    let mut all = vec![("unchanged".to_owned(), good.clone())];
    let mut add = |what: String, file: Vec<u8>| {
        all.push((format!("{what}, relocatable {relocatable}"), file))
    };
    for at in 0..EHDR + PHDRS * PHDR {
        for value in [0, 1, 0x7f, 0xff, good[at] ^ 1] {
            if value != good[at] {
                let mut file = good.clone();
                file[at] = value;
                add(format!("byte {at:#x} is {value:#x}"), file);
            }
        }
    }
    let words = [24, 32].into_iter().chain(
        (0..PHDRS).flat_map(|row| (8..PHDR).step_by(8).map(move |at| EHDR + row * PHDR + at)),
    );
    for at in words {
        let old = u64::from_le_bytes(good[at..at + 8].try_into().expect("8 bytes"));
        let values = [
            0,
            1,
            0x10,
            0xfff,
            0x1000,
            0x1001,
            0x10_0000,
            old.wrapping_add(1),
            old.wrapping_sub(1),
            old.wrapping_add(0x1000),
            old.wrapping_sub(0x1000),
            old.wrapping_add(0x2000),
            1 << 31,
            1 << 32,
            1 << 46,
            (1 << 47) - 0x1000,
            1 << 47,
            1 << 63,
            u64::MAX,
            u64::MAX - 0xfff,
        ];
        for value in values {
            let mut file = good.clone();
            file[at..at + 8].copy_from_slice(&value.to_le_bytes());
            add(format!("word {at:#x} is {value:#x}"), file);
        }
    }
    for len in [
        0, 1, 3, 4, 15, 16, 63, 64, 65, 119, 120, 231, 232, 255, 256, 0x150, 0x200, 0xfff, 0x1000,
        0x1004, 0x100f,
    ] {
        add(format!("cut to {len:#x} bytes"), good[..len].to_vec());
    }
    for count in [0, 1, 2, 4, 5, 1170, 1171, u16::MAX] {
        let mut file = good.clone();
        file[56..58].copy_from_slice(&u16::to_le_bytes(count));
        add(format!("{count} program headers"), file);
    }
    for [from, to] in [[0, 1], [1, 0], [0, 2], [1, 2]] {
        let (from, to) = (EHDR + from * PHDR, EHDR + to * PHDR);
        let mut copied = good.clone();
        copied.copy_within(from..from + PHDR, to);
        add(format!("header {from:#x} again at {to:#x}"), copied);
        let mut swapped = good.clone();
        let other = swapped[to..to + PHDR].to_vec();
        swapped.copy_within(from..from + PHDR, to);
        swapped[from..from + PHDR].copy_from_slice(&other);
        add(
            format!("headers {from:#x} and {to:#x} changed about"),
            swapped,
        );
    }
    all
}

/// What the two cannot agree on: a loader for 32-bit programs; interpreters, which are not supported yet; low addresses
/// where the real program is not run by root, as the simulated one is.
fn is_left_out(file: &[u8]) -> bool {
    let half = |at: usize| {
        file.get(at..at + 2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
    };
    let machine_386 = matches!(half(18), Some(3 | 6));
    let rows = file
        .get(EHDR..)
        .unwrap_or_default()
        .chunks_exact(PHDR)
        .take(PHDRS);
    let interpreted = rows
        .clone()
        .into_iter()
        .any(|row| row[..4] == INTERP.to_le_bytes());
    // Where the processor has protection keys, a segment that may only be executed cannot be read.
    let hidden = rows
        .clone()
        .into_iter()
        .any(|row| row[..4] == LOAD.to_le_bytes() && row[4] & 7 == 1);
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let low = rows.into_iter().any(|row| row[18..24] == [0; 6]);
    machine_386 || interpreted || hidden || low && !root && half(16) == Some(2)
}

fn on_the_real_kernel(path: &Path, file: &[u8]) -> Fate {
    std::fs::write(path, file).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let mut command = Command::new(path);
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = loop {
        match command.spawn() {
            Ok(child) => break child,
            // A child that another thread forks holds the file open for writing until it executes.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
            Err(error) => return Fate::Errno(error.raw_os_error().expect("an error number")),
        }
    };
    let start = Instant::now();
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if start.elapsed() > PATIENCE => {
                child.kill().expect("killed");
                child.wait().expect("reaped");
                return Fate::Hangs;
            }
            None => std::thread::sleep(Duration::from_micros(100)),
        }
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => Fate::Exited(code),
        (None, signal) => Fate::Killed(signal.expect("a signal")),
    }
}

fn in_the_simulation(file: &[u8]) -> Fate {
    // As much memory as there is: sizes beyond it are refused.
    let memory_frames = memory_frames();
    let mut kernel = Kernel::new(Config {
        memory_frames,
        ..Config::default()
    });
    let meta = ImportMeta {
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Timespec { sec: 0, nsec: 0 },
    };
    kernel
        .import(b"program", &meta, ImportNode::File(file))
        .expect("import");
    if let Err(errno) = kernel.boot("/program", &["program"], &[], None) {
        return Fate::Errno(errno.raw());
    }
    kernel.run(Limits::slice(INSTRUCTIONS));
    match kernel.init_status() {
        Some(WaitStatus::Exited(status)) => Fate::Exited(status.into()),
        Some(WaitStatus::Killed(signal, _)) => Fate::Killed(signal.into()),
        _ => Fate::Hangs,
    }
}

fn memory_frames() -> u32 {
    let info = std::fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let field = |name: &str| {
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("a field");
        let kib = line.trim().trim_end_matches(" kB");
        kib.parse::<u64>().expect("a number") / 4
    };
    u32::try_from(field("MemTotal:") + field("SwapTotal:")).unwrap_or(u32::MAX)
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn malformed_executables_fare_as_on_the_real_kernel() {
    let dir = Scratch(std::env::temp_dir().join(format!("glassdock-elf-{}", std::process::id())));
    std::fs::create_dir_all(&dir.0).expect("a directory");
    let cases: Vec<_> = [false, true]
        .into_iter()
        .flat_map(mutants)
        .filter(|(_, file)| !is_left_out(file))
        .collect();
    assert!(cases.len() > 2000, "{} cases", cases.len());
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let path = dir.0.join(format!("program-{worker}"));
            let (next, wrong, cases) = (&next, &wrong, &cases);
            scope.spawn(move || {
                while let Some((what, file)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (real, simulated) =
                        (on_the_real_kernel(&path, file), in_the_simulation(file));
                    if real != simulated {
                        let line = format!("{what}: real {real:?}, simulated {simulated:?}");
                        wrong.lock().expect("a list").push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("a list");
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
