//! Programs made of system calls: a static executable from a list of steps, for either kernel.
//!
//! It keeps each call's result in a slot, and ends by writing the slots and the first bytes of its memory to descriptor
//! 1, each byte as two letters from `A` on, which no terminal changes.

/// Where code and writable memory begin.
const TEXT: u64 = 0x40_0000;
const DATA: u64 = 0x1000_0000;
/// Bytes of writable memory that steps may use, of which the first [`SHOWN`] are written out.
pub const MEMORY: u64 = 1 << 20;
/// Bytes of memory that are compared.
pub const SHOWN: u64 = 256;
/// Slots for results.
const SLOTS: u64 = 512;
const RESULTS: u64 = DATA + MEMORY;
const OUT: u64 = RESULTS + 8 * SLOTS;
/// Size of the headers.
const HEADERS: u64 = 64 + 3 * 56;
/// A signal handler that does nothing, and what it returns to.
pub const HANDLER: u64 = TEXT + HEADERS;
/// `rt_sigreturn`.
pub const RESTORER: u64 = HANDLER + 1;
const START: u64 = RESTORER + 7;

/// A number, or where to find one.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// Itself.
    Is(u64),
    /// The result of an earlier named call.
    Of(&'static str),
}

impl From<u64> for Word {
    fn from(value: u64) -> Word {
        Word::Is(value)
    }
}
impl From<i32> for Word {
    fn from(value: i32) -> Word {
        Word::Is(i64::from(value) as u64)
    }
}
impl From<&'static str> for Word {
    fn from(name: &'static str) -> Word {
        Word::Of(name)
    }
}

/// What a program does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// A system call. Its result is compared unless it has a name.
    Call(Option<&'static str>, u32, Vec<Word>),
    /// Stores bytes in memory, or a word.
    Bytes(u64, Vec<u8>),
    /// Stores a word in memory.
    Store(u64, Word),
    /// The same again and again.
    Repeat(u32, Vec<Step>),
    /// A child that does this and exits with status 0; the parent's result has this name.
    Child(&'static str, Vec<Step>),
}

/// The address of a byte of memory.
pub const fn at(offset: u64) -> u64 {
    DATA + offset
}

/// A program being made.
#[derive(Default)]
struct Maker {
    code: Vec<u8>,
    names: Vec<(&'static str, u64)>,
    slots: u64,
    shown: Vec<(u64, String)>,
    /// In a repetition or a child: how deep.
    inner: u32,
}

impl Maker {
    fn emit(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    /// `mov register, word`; registers by number.
    fn load(&mut self, register: u8, word: Word) {
        let (high, low) = (register >> 3, register & 7);
        match word {
            Word::Is(value) => {
                self.emit(&[0x48 | high, 0xb8 | low]);
                self.emit(&value.to_le_bytes());
            }
            Word::Of(name) => {
                let known = self.names.iter().rev().find(|(other, _)| *other == name);
                let slot = known.unwrap_or_else(|| panic!("no result {name}")).1;
                self.emit(&[0x48 | high << 2, 0x8b, low << 3 | 4, 0x25]);
                self.emit(&((RESULTS + 8 * slot) as u32).to_le_bytes());
            }
        }
    }

    fn call(&mut self, number: u32, args: &[Word]) {
        for (register, word) in [7, 6, 2, 10, 8, 9].into_iter().zip(args) {
            self.load(register, *word);
        }
        self.load(0, Word::Is(number.into()));
        self.emit(&[0x0f, 0x05]);
    }

    fn keep(&mut self) -> u64 {
        let slot = self.slots;
        assert!(slot < SLOTS, "too many calls");
        self.slots += 1;
        self.emit(&[0x48, 0x89, 0x04, 0x25]);
        self.emit(&((RESULTS + 8 * slot) as u32).to_le_bytes());
        slot
    }

    /// Code that is jumped over, or back to, by a 32-bit distance.
    fn inside(&mut self, steps: &[Step]) -> Vec<u8> {
        let before = std::mem::take(&mut self.code);
        self.inner += 1;
        self.steps(steps);
        self.inner -= 1;
        std::mem::replace(&mut self.code, before)
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Call(name, number, args) => {
                    self.call(*number, args);
                    let slot = self.keep();
                    match name {
                        Some(name) => self.names.push((name, slot)),
                        None if self.inner == 0 => {
                            self.shown.push((slot, format!("{step:?}")));
                        }
                        None => {}
                    }
                }
                Step::Bytes(offset, bytes) => {
                    for (piece, chunk) in bytes.chunks(8).enumerate() {
                        let mut word = [0; 8];
                        word[..chunk.len()].copy_from_slice(chunk);
                        self.store(
                            offset + 8 * piece as u64,
                            Word::Is(u64::from_le_bytes(word)),
                        );
                    }
                }
                Step::Store(offset, word) => self.store(*offset, *word),
                Step::Repeat(times, steps) => {
                    let slot = self.slots;
                    self.load(0, Word::Is((*times).into()));
                    self.keep();
                    let body = self.inside(steps);
                    self.emit(&body);
                    // dec qword [slot]; jnz body
                    self.emit(&[0x48, 0xff, 0x0c, 0x25]);
                    self.emit(&((RESULTS + 8 * slot) as u32).to_le_bytes());
                    self.emit(&[0x0f, 0x85]);
                    let back = -(body.len() as i32) - 8 - 6;
                    self.emit(&back.to_le_bytes());
                }
                Step::Child(name, steps) => {
                    self.call(57, &[]);
                    let slot = self.keep();
                    self.names.push((name, slot));
                    let mut body = self.inside(steps);
                    let before = std::mem::take(&mut self.code);
                    self.call(231, &[Word::Is(0)]);
                    body.append(&mut std::mem::replace(&mut self.code, before));
                    // test rax, rax; jnz beyond the child
                    self.emit(&[0x48, 0x85, 0xc0, 0x0f, 0x85]);
                    self.emit(&(body.len() as u32).to_le_bytes());
                    self.emit(&body);
                }
            }
        }
    }

    fn store(&mut self, offset: u64, word: Word) {
        assert!(offset + 8 <= MEMORY, "outside the memory");
        self.load(0, word);
        self.emit(&[0x48, 0x89, 0x04, 0x25]);
        self.emit(&(at(offset) as u32).to_le_bytes());
    }

    /// Writes slots and memory out and exits.
    fn end(&mut self) {
        let (from, len) = ((at(0)..at(SHOWN)), 8 * self.slots);
        self.load(7, Word::Is(OUT));
        for (start, count) in [(RESULTS, len), (from.start, SHOWN)] {
            if count == 0 {
                continue;
            }
            self.load(6, Word::Is(start));
            self.load(1, Word::Is(count));
            // lodsb; mov ah, al; and al, 15; shr ah, 4; add ax, 'AA'; stosw; loop
            self.emit(&[0xac, 0x88, 0xc4, 0x24, 15, 0xc0, 0xec, 4]);
            self.emit(&[0x66, 0x05, 0x41, 0x41, 0x66, 0xab, 0xe2, 0xf0]);
        }
        self.call(1, &[1.into(), OUT.into(), (2 * (len + SHOWN)).into()]);
        self.call(231, &[0.into()]);
    }
}

/// A program, and how to read what it writes.
pub struct Program {
    /// The executable.
    pub file: Vec<u8>,
    slots: u64,
    shown: Vec<(u64, String)>,
}

impl Program {
    /// Makes a program of steps.
    pub fn new(steps: &[Step]) -> Program {
        let mut maker = Maker::default();
        maker.steps(steps);
        maker.end();
        // ret; mov eax, 15; syscall
        let stub = [0xc3, 0xb8, 15, 0, 0, 0, 0x0f, 0x05];
        let code = [stub.as_slice(), &maker.code].concat();
        Program {
            file: executable(&code),
            slots: maker.slots,
            shown: maker.shown,
        }
    }

    /// The compared results, one a line, and the shown memory; the text itself where it is not whole.
    pub fn read(&self, text: &[u8]) -> String {
        let bytes: Vec<u8> = text
            .chunks_exact(2)
            .map(|pair| pair[0].wrapping_sub(b'A') | pair[1].wrapping_sub(b'A') << 4)
            .collect();
        let results = 8 * self.slots as usize;
        if bytes.len() != results + SHOWN as usize {
            return format!("wrote {:?}", String::from_utf8_lossy(text));
        }
        let mut out = String::new();
        for (slot, step) in &self.shown {
            let at = 8 * *slot as usize;
            let word: [u8; 8] = bytes[at..at + 8].try_into().expect("8 bytes");
            out += &format!("{step}: {}\n", i64::from_le_bytes(word));
        }
        for (row, chunk) in bytes[results..].chunks(16).enumerate() {
            if chunk.iter().any(|byte| *byte != 0) {
                out += &format!("memory {:#04x}: {chunk:02x?}\n", 16 * row);
            }
        }
        out
    }
}

fn executable(code: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2_u16, 62, 1, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [START, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [0_u16, 0, 64, 56, 3, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let size = HEADERS + code.len() as u64;
    let memory = MEMORY + 8 * SLOTS + 2 * (8 * SLOTS + SHOWN);
    let rows: [(u32, u32, [u64; 6]); 3] = [
        (1, 5, [0, TEXT, TEXT, size, size, 0x1000]),
        (1, 6, [0, DATA, DATA, 0, memory, 0x1000]),
        (0x6474_e551, 6, [0, 0, 0, 0, 0, 16]),
    ];
    for (kind, flags, words) in rows {
        file.extend(kind.to_le_bytes());
        file.extend(flags.to_le_bytes());
        for word in words {
            file.extend(word.to_le_bytes());
        }
    }
    file.extend(code);
    file
}
