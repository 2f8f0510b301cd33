//! Runs a static program on the interpreter with a handful of system calls, to measure it:
//! `cargo run --release -p glassdock-cpu --example run -- /bin/busybox sha256sum FILE`.
//!
//! Not a kernel: one process, files read-only from the host, output to the host's.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Instant;

use glassdock_cpu::{AddressSpace, Cpu, Exit, Frames, PAGE_SIZE, Prot, Sharing, reg};

const STACK_TOP: u64 = 0x7fff_ffff_0000;
const STACK_PAGES: u64 = 256;
const BRK: u64 = 0x10_0000_0000;
const MMAP: u64 = 0x7f00_0000_0000;

struct Shim {
    frames: Frames,
    space: AddressSpace,
    cpu: Cpu,
    brk: u64,
    mmap: u64,
    files: BTreeMap<u64, std::fs::File>,
    next_fd: u64,
    pipe: Vec<u8>,
    quiet: bool,
}

fn page_down(v: u64) -> u64 {
    v & !(PAGE_SIZE - 1)
}

fn page_up(v: u64) -> u64 {
    page_down(v + PAGE_SIZE - 1)
}

impl Shim {
    fn map(&mut self, from: u64, to: u64, prot: Prot) {
        let mut at = page_down(from);
        while at < page_up(to) {
            if self.space.frame_at(at).is_none() {
                let frame = self.frames.alloc_zeroed().expect("memory");
                self.space
                    .map(&mut self.frames, at, frame, prot, Sharing::Private)
                    .expect("map");
            }
            at += PAGE_SIZE;
        }
    }

    fn load(&mut self, elf: &[u8], args: &[String]) {
        let u16_at = |o: usize| u16::from_le_bytes(elf[o..o + 2].try_into().unwrap());
        let u64_at = |o: usize| u64::from_le_bytes(elf[o..o + 8].try_into().unwrap());
        let bias = if u16_at(16) == 3 { 0x5555_5555_4000 } else { 0 };
        let (entry, phoff, phnum) = (u64_at(24) + bias, u64_at(32) as usize, u16_at(56) as usize);
        let mut phdr = 0;
        for i in 0..phnum {
            let p = phoff + 56 * i;
            let kind = u16_at(p);
            let flags = u16_at(p + 4);
            let (offset, addr) = (u64_at(p + 8), u64_at(p + 16) + bias);
            let (filesz, memsz) = (u64_at(p + 32), u64_at(p + 40));
            if kind != 1 {
                continue;
            }
            if offset == 0 {
                phdr = addr + phoff as u64;
            }
            let rw = Prot::READ | Prot::WRITE;
            self.map(addr, addr + memsz, rw);
            let bytes = &elf[offset as usize..(offset + filesz) as usize];
            self.space
                .write(&mut self.frames, addr, bytes)
                .expect("segment");
            let mut prot = Prot::READ;
            prot.set(Prot::WRITE, flags & 2 != 0);
            prot.set(Prot::EXEC, flags & 1 != 0);
            self.space.protect(addr..addr + memsz, prot);
        }
        self.map(
            STACK_TOP - STACK_PAGES * PAGE_SIZE,
            STACK_TOP,
            Prot::READ | Prot::WRITE,
        );
        let mut sp = STACK_TOP - 4096;
        let mut pointers = vec![args.len() as u64];
        let mut strings = sp;
        for arg in args {
            pointers.push(strings);
            let mut bytes = arg.clone().into_bytes();
            bytes.push(0);
            self.space
                .write(&mut self.frames, strings, &bytes)
                .expect("args");
            strings += bytes.len() as u64;
        }
        pointers.extend([0, 0]);
        let aux = [
            (3, phdr),
            (4, 56),
            (5, phnum as u64),
            (6, 4096),
            (9, entry),
            (25, sp - 64),
        ];
        for (k, v) in aux {
            pointers.extend([k, v]);
        }
        pointers.extend([0, 0]);
        sp = (sp - 128 - 8 * pointers.len() as u64) & !15;
        for (i, v) in pointers.iter().enumerate() {
            self.space
                .write_u64(&mut self.frames, sp + 8 * i as u64, *v)
                .expect("stack");
        }
        self.cpu.gpr[reg::RSP] = sp;
        self.cpu.rip = entry;
    }

    fn path(&self, addr: u64) -> String {
        let bytes = self
            .space
            .read_cstr(&self.frames, addr, 4096)
            .unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Some(status) when the program ends.
    fn syscall(&mut self) -> Option<i32> {
        let g = &self.cpu.gpr;
        let (n, a, b, c) = (g[0], g[reg::RDI], g[reg::RSI], g[reg::RDX]);
        let fail = |e: i64| e.wrapping_neg() as u64;
        let result = match n {
            0 => self.read(a, b, c),
            1 => {
                let mut buf = vec![0; c as usize];
                let _ = self.space.read(&self.frames, b, &mut buf);
                self.output(a, &buf);
                c
            }
            20 => {
                let mut total = 0;
                for i in 0..c {
                    let base = self.space.read_u64(&self.frames, b + 16 * i).unwrap_or(0);
                    let len = self
                        .space
                        .read_u64(&self.frames, b + 16 * i + 8)
                        .unwrap_or(0);
                    let mut buf = vec![0; len as usize];
                    let _ = self.space.read(&self.frames, base, &mut buf);
                    self.output(a, &buf);
                    total += len;
                }
                total
            }
            2 | 257 => {
                let path = self.path(if n == 2 { a } else { b });
                match std::fs::File::open(&path) {
                    Ok(f) => {
                        self.next_fd += 1;
                        self.files.insert(self.next_fd, f);
                        self.next_fd
                    }
                    Err(_) => fail(2),
                }
            }
            3 => {
                self.files.remove(&a);
                0
            }
            5 | 262 => {
                let at = if n == 5 { b } else { c };
                let zero = [0u8; 144];
                let _ = self.space.write(&mut self.frames, at, &zero);
                let mode: u32 = if n == 5 && a < 3 { 0o20620 } else { 0o100644 };
                let _ = self.space.write_u32(&mut self.frames, at + 24, mode);
                let _ = self.space.write_u64(&mut self.frames, at + 56, 4096);
                if let Some(size) = self.files.get(&a).and_then(|f| f.metadata().ok()) {
                    let _ = self.space.write_u64(&mut self.frames, at + 48, size.len());
                }
                0
            }
            8 => match self.files.get_mut(&a) {
                Some(f) => {
                    let to = match c {
                        0 => SeekFrom::Start(b),
                        1 => SeekFrom::Current(b as i64),
                        _ => SeekFrom::End(b as i64),
                    };
                    f.seek(to).unwrap_or(0)
                }
                None => fail(29),
            },
            9 => {
                let at = self.mmap;
                self.mmap += page_up(b) + PAGE_SIZE;
                self.map(at, at + b, Prot::READ | Prot::WRITE);
                at
            }
            10 => 0,
            11 => {
                self.space.unmap(&mut self.frames, a..page_up(a + b));
                0
            }
            25 => {
                let at = self.mmap;
                self.mmap += page_up(c) + PAGE_SIZE;
                self.map(at, at + c, Prot::READ | Prot::WRITE);
                let mut buf = vec![0; b as usize];
                let _ = self.space.read(&self.frames, a, &mut buf);
                let _ = self
                    .space
                    .write(&mut self.frames, at, &buf[..b.min(c) as usize]);
                at
            }
            12 => {
                if a > self.brk {
                    self.map(self.brk, a, Prot::READ | Prot::WRITE);
                    self.brk = a;
                }
                self.brk
            }
            16 => fail(25),
            39 | 186 | 218 => 1,
            60 | 231 => return Some(a as i32),
            63 => fail(38),
            96 | 201 | 228 => 0,
            158 if a == 0x1002 => {
                self.cpu.fs_base = b;
                0
            }
            102 | 104 | 107 | 108 | 13 | 14 | 273 | 302 | 72 | 110 => 0,
            318 => {
                let _ = self.space.write(&mut self.frames, a, &vec![7; b as usize]);
                b
            }
            _ => {
                if std::env::var_os("SHIM_TRACE").is_some() {
                    eprintln!("unknown system call {n}({a:#x}, {b:#x}, {c:#x})");
                }
                fail(38)
            }
        };
        self.cpu.gpr[0] = result;
        None
    }

    fn read(&mut self, fd: u64, addr: u64, len: u64) -> u64 {
        let mut buf = vec![0; len as usize];
        let n = match self.files.get_mut(&fd) {
            Some(f) => f.read(&mut buf).unwrap_or(0),
            None => {
                let n = self.pipe.len().min(buf.len());
                buf[..n].copy_from_slice(&self.pipe[..n]);
                self.pipe.drain(..n);
                n
            }
        };
        let _ = self.space.write(&mut self.frames, addr, &buf[..n]);
        n as u64
    }

    fn output(&mut self, fd: u64, bytes: &[u8]) {
        if fd == 2 || !self.quiet {
            let _ = std::io::stdout().write_all(bytes);
        }
    }

    fn run(&mut self) -> (i32, u64) {
        let mut total = 0;
        loop {
            let run = self.cpu.run(&mut self.space, &mut self.frames, 10_000_000);
            total += run.retired;
            match run.exit {
                Exit::Budget => {}
                Exit::Syscall => {
                    if let Some(status) = self.syscall() {
                        return (status, total);
                    }
                }
                other => {
                    let mut code = [0; 15];
                    let _ = self.space.read(&self.frames, self.cpu.rip, &mut code);
                    println!("{other:?} at {:#x}: {code:02x?}", self.cpu.rip);
                    return (128, total);
                }
            }
        }
    }
}

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let quiet = args.first().is_some_and(|a| a == "-q");
    if quiet {
        args.remove(0);
    }
    let Some(program) = args.first() else {
        println!("usage: run [-q] PROGRAM [ARGUMENT]...");
        return;
    };
    let elf = std::fs::read(program).expect("the program");
    let mut shim = Shim {
        frames: Frames::new(1 << 17),
        space: AddressSpace::new(),
        cpu: Cpu::new(),
        brk: BRK,
        mmap: MMAP,
        files: BTreeMap::new(),
        next_fd: 2,
        pipe: Vec::new(),
        quiet,
    };
    shim.load(&elf, &args);
    let start = Instant::now();
    let (status, total) = shim.run();
    let time = start.elapsed().as_secs_f64();
    eprintln!(
        "status {status}, {total} instructions, {:.3} s, {:.1} M/s",
        time,
        total as f64 / time / 1e6
    );
}
