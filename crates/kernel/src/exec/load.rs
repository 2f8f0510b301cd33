//! From an ELF file to an address space: segments, stack, auxiliary vector.

use super::elf::{Elf, PT_GNU_STACK, PT_LOAD, Segment};
use crate::Kernel;
use crate::cred::{Cred, cap};
use crate::ids::{FileId, MmId};
use crate::mm::{Backing, Mm, Vma, page_prot};
use glassdock_abi::{Errno, Result};
use glassdock_cpu::{Cpu, PAGE_SIZE, Prot, Sharing, USER_END, reg};
use std::ops::Range;

/// Where position-independent programs are loaded (two thirds of the address space, without randomization).
const PIE_BASE: u64 = 0x5555_5555_4000;
/// Where the file of a built-in program is.
const BUILTIN_BASE: u64 = 0x40_0000;
/// The end of the stack.
const STACK_TOP: u64 = USER_END;
/// The first pages of the stack area; it grows from there.
const STACK_PAGES: u64 = 33;
/// Mappings stay this far below the stack (`mmap_base` with an 8 MiB stack and the kernel's gap).
const MMAP_GAP: u64 = 128 << 20;
/// Last byte that a file can have (`MAX_LFS_FILESIZE`).
const OFFSET_MAX: u64 = i64::MAX as u64;

/// A program that is ready to run.
pub(super) struct Image {
    pub(super) mm: MmId,
    pub(super) cpu: Cpu,
    pub(super) auxv: Vec<u8>,
}

/// Auxiliary vector tags (`man 3 getauxval`).
mod at {
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HWCAP2: u64 = 26;
    pub const EXECFN: u64 = 31;
    pub const MINSIGSTKSZ: u64 = 51;
}

fn page_down(addr: u64) -> u64 {
    addr & !(PAGE_SIZE - 1)
}

fn page_up(addr: u64) -> Result<u64> {
    addr.checked_next_multiple_of(PAGE_SIZE)
        .ok_or(Errno::EINVAL)
}

fn prot(flags: u32) -> Prot {
    let mut prot = Prot::empty();
    for (bit, flag) in [(4, Prot::READ), (2, Prot::WRITE), (1, Prot::EXEC)] {
        if flags & bit != 0 {
            prot |= flag;
        }
    }
    prot
}

impl Kernel {
    /// Builds the address space of a new program. On an error nothing is left of it.
    #[allow(clippy::too_many_arguments, reason = "what a program begins with")]
    pub(super) fn build_image(
        &mut self,
        file: FileId,
        elf: &Elf,
        cred: &Cred,
        secure: bool,
        name: &[u8],
        interpreter: Option<&[u8]>,
        argv: &[Vec<u8>],
        envp: &[Vec<u8>],
    ) -> Result<Image> {
        let mm = self.mms.add(Mm::new(STACK_TOP - MMAP_GAP, STACK_TOP));
        self.publisher.memory(mm);
        let built = self.fill_image(mm, file, elf, cred, secure, name, interpreter, argv, envp);
        if built.is_err() {
            self.put_mm(mm);
        }
        built
    }

    /// Builds the address space of a built-in program: the file that names it, and a stack with what it is told. (What
    /// it keeps while it runs is no memory of this machine.)
    pub(super) fn build_builtin(
        &mut self,
        file: FileId,
        name: &[u8],
        argv: &[Vec<u8>],
        envp: &[Vec<u8>],
    ) -> Result<MmId> {
        let mm = self.mms.add(Mm::new(STACK_TOP - MMAP_GAP, STACK_TOP));
        self.publisher.memory(mm);
        let built = self.fill_builtin(mm, file, name, argv, envp);
        if built.is_err() {
            self.put_mm(mm);
        }
        built.map(|()| mm)
    }

    fn fill_builtin(
        &mut self,
        mm: MmId,
        file: FileId,
        name: &[u8],
        argv: &[Vec<u8>],
        envp: &[Vec<u8>],
    ) -> Result<()> {
        let segment = Segment {
            kind: PT_LOAD,
            flags: 4,
            offset: 0,
            vaddr: BUILTIN_BASE,
            filesz: PAGE_SIZE,
            memsz: PAGE_SIZE,
            align: PAGE_SIZE,
        };
        let place = BUILTIN_BASE..BUILTIN_BASE + PAGE_SIZE;
        self.map_file_part(mm, file, &segment, place, Prot::READ)?;
        let mut stack = self.new_stack(mm, Prot::READ | Prot::WRITE)?;
        stack.push_string(name)?;
        let env_at = stack.push_strings(envp)?;
        let arg_at = stack.push_strings(argv)?;
        stack.push_words(&first_words(&arg_at, &env_at))?;
        Ok(())
    }

    /// A stack area, empty.
    fn new_stack(&mut self, mm: MmId, prot: Prot) -> Result<Stack<'_>> {
        let space = self.mms.get_mut(mm).ok_or(Errno::ENOMEM)?;
        space.vmas.insert(
            STACK_TOP - STACK_PAGES * PAGE_SIZE,
            Vma {
                end: STACK_TOP,
                prot,
                shared: false,
                grows_down: true,
                backing: Backing::Anonymous,
            },
        );
        Ok(Stack {
            kernel: self,
            mm,
            prot,
            sp: STACK_TOP - 8,
            lowest: STACK_TOP,
        })
    }

    #[allow(clippy::too_many_arguments, reason = "what a program begins with")]
    fn fill_image(
        &mut self,
        mm: MmId,
        file: FileId,
        elf: &Elf,
        cred: &Cred,
        secure: bool,
        name: &[u8],
        interpreter: Option<&[u8]>,
        argv: &[Vec<u8>],
        envp: &[Vec<u8>],
    ) -> Result<Image> {
        let loads: Vec<Segment> = elf
            .segments
            .iter()
            .copied()
            .filter(|s| s.kind == PT_LOAD)
            .collect();
        let first = loads.first().ok_or(Errno::ENOEXEC)?;
        let align = loads
            .iter()
            .map(|s| s.align)
            .filter(|align| align.is_power_of_two())
            .max()
            .unwrap_or(PAGE_SIZE)
            .max(PAGE_SIZE);
        let bias = if elf.relocatable {
            let base = match PIE_BASE & !(align - 1) {
                0 => PIE_BASE,
                aligned => aligned,
            };
            base.wrapping_sub(page_down(first.vaddr))
        } else {
            0
        };
        let mut end = 0;
        for segment in &loads {
            end = end.max(self.load_segment(mm, file, segment, bias, cred)?);
        }
        let stack_exec = elf
            .segments
            .iter()
            .find(|s| s.kind == PT_GNU_STACK)
            .is_some_and(|s| s.flags & 1 != 0);
        let mut stack_prot = Prot::READ | Prot::WRITE;
        if stack_exec {
            stack_prot |= Prot::EXEC;
        }
        let phdr = loads
            .iter()
            .find(|s| elf.phoff >= s.offset && elf.phoff - s.offset < s.filesz)
            .map_or(0, |s| {
                bias.wrapping_add(s.vaddr)
                    .wrapping_add(elf.phoff - s.offset)
            });
        let entry = bias.wrapping_add(elf.entry);
        let space = self.mms.get_mut(mm).ok_or(Errno::ENOMEM)?;
        space.code = code_of(&loads, bias);
        let brk = page_up(end)? + PAGE_SIZE;
        space.brk_start = brk;
        space.brk = brk;
        let random = self.random.bytes(16);
        let mut stack = self.new_stack(mm, stack_prot)?;
        let execfn = stack.push_string(interpreter.unwrap_or(name))?;
        let env_at = stack.push_strings(envp)?;
        let arg_at = stack.push_strings(argv)?;
        let platform = stack.push_string(b"x86_64")?;
        let random = stack.push(&random, 16)?;
        let ids = [
            (at::UID, cred.uid_inside(cred.ruid)),
            (at::EUID, cred.uid_inside(cred.euid)),
            (at::GID, cred.gid_inside(cred.rgid)),
            (at::EGID, cred.gid_inside(cred.egid)),
        ];
        let mut auxv = vec![
            (at::MINSIGSTKSZ, 1952),
            // `cpuid` leaf 1, edx.
            (at::HWCAP, u64::from(glassdock_cpu::cpuid::cpuid(1, 0)[3])),
            (at::PAGESZ, PAGE_SIZE),
            (at::CLKTCK, crate::config::USER_HZ),
            (at::PHDR, phdr),
            (at::PHENT, 56),
            (at::PHNUM, elf.segments.len() as u64),
            (at::BASE, 0),
            (at::FLAGS, 0),
            (at::ENTRY, entry),
        ];
        auxv.extend(ids.map(|(tag, id)| (tag, u64::from(id))));
        auxv.extend([
            (at::SECURE, u64::from(secure)),
            (at::RANDOM, random),
            (at::HWCAP2, 0),
            (at::EXECFN, execfn),
            (at::PLATFORM, platform),
            (at::NULL, 0),
        ]);
        let mut words = first_words(&arg_at, &env_at);
        let head = words.len();
        words.extend(auxv.iter().flat_map(|(tag, value)| [*tag, *value]));
        let sp = stack.push_words(&words)?;
        let mut cpu = Cpu::new();
        cpu.rip = entry;
        cpu.gpr[reg::RSP] = sp;
        Ok(Image {
            mm,
            cpu,
            auxv: words[head..]
                .iter()
                .flat_map(|it| it.to_le_bytes())
                .collect(),
        })
    }

    /// Maps one segment as `elf_load` of `fs/binfmt_elf.c` does; returns the end of its memory.
    fn load_segment(
        &mut self,
        mm: MmId,
        file: FileId,
        segment: &Segment,
        bias: u64,
        cred: &Cred,
    ) -> Result<u64> {
        if segment.filesz > segment.memsz {
            return Err(Errno::EINVAL);
        }
        let vaddr = bias.wrapping_add(segment.vaddr);
        let end = vaddr
            .checked_add(segment.memsz)
            .filter(|end| *end <= USER_END - MMAP_GAP);
        let end = end.ok_or(Errno::EINVAL)?;
        if segment.memsz == 0 {
            return Ok(end);
        }
        let start = page_down(vaddr);
        let inside = segment.offset.saturating_add(segment.filesz) <= OFFSET_MAX;
        if vaddr % PAGE_SIZE != segment.offset % PAGE_SIZE || !inside {
            return Err(Errno::EINVAL);
        }
        if start < crate::mm::MMAP_MIN && !cred.has_on_machine(cap::SYS_RAWIO) {
            return Err(Errno::EPERM);
        }
        let file_end = vaddr + segment.filesz;
        let mapped_end = if segment.filesz == 0 {
            start
        } else {
            page_up(file_end)?
        };
        let prot = prot(segment.flags);
        if mapped_end > start {
            self.map_file_part(mm, file, segment, start..mapped_end, prot)?;
        }
        if segment.memsz > segment.filesz {
            if prot.contains(Prot::WRITE) && !file_end.is_multiple_of(PAGE_SIZE) {
                self.zero_tail(mm, file, segment, file_end, prot)?;
            }
            let zeroed = Prot::READ | Prot::WRITE | prot & Prot::EXEC;
            self.map_zeroed(mm, mapped_end..page_up(end)?, zeroed)?;
        }
        Ok(end)
    }

    /// Refuses what can never be backed, as Linux's default policy does (`vm.overcommit_memory` 0).
    fn check_commit(&self, range: &Range<u64>) -> Result<()> {
        let pages = (range.end - range.start) / PAGE_SIZE;
        if pages > u64::from(self.config.memory_frames) {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    fn map_file_part(
        &mut self,
        mm: MmId,
        file: FileId,
        segment: &Segment,
        range: Range<u64>,
        prot: Prot,
    ) -> Result<()> {
        if prot.contains(Prot::WRITE) {
            self.check_commit(&range)?;
        }
        let inode = self.files.get(file).ok_or(Errno::EBADF)?.file.inode;
        let inode = self.vfs().data_inode(inode)?;
        self.hold_file(file);
        let vma = Vma {
            end: range.end,
            prot,
            shared: false,
            grows_down: false,
            backing: Backing::File {
                file,
                inode,
                offset: page_down(segment.offset),
            },
        };
        self.map_area(mm, range.start, vma);
        Ok(())
    }

    fn map_zeroed(&mut self, mm: MmId, range: Range<u64>, prot: Prot) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.check_commit(&range)?;
        let vma = Vma {
            end: range.end,
            prot,
            shared: false,
            grows_down: false,
            backing: Backing::Anonymous,
        };
        self.map_area(mm, range.start, vma);
        Ok(())
    }

    /// The rest of the last file page is memory of the program, and zero. `EFAULT` where the file ends before the page.
    fn zero_tail(
        &mut self,
        mm: MmId,
        file: FileId,
        segment: &Segment,
        file_end: u64,
        prot: Prot,
    ) -> Result<()> {
        let page = page_down(file_end);
        let kept = (file_end - page) as usize;
        let offset = page_down(segment.offset + segment.filesz);
        let bytes = self.read_exec(file, offset, kept)?;
        if bytes.is_empty() {
            return Err(Errno::EFAULT);
        }
        let frame = self.frames.alloc_zeroed().map_err(|_| Errno::ENOMEM)?;
        let n = bytes.len().min(kept);
        self.frames.bytes_mut(frame)[..n].copy_from_slice(&bytes[..n]);
        let space = self.mms.get_mut(mm).ok_or(Errno::ENOMEM)?;
        let prot = page_prot(prot);
        space
            .space
            .map(&mut self.frames, page, frame, prot, Sharing::Private)
            .map_err(|_| Errno::EINVAL)
    }
}

/// The number of arguments, their addresses, and those of the environment.
fn first_words(arg_at: &[u64], env_at: &[u64]) -> Vec<u64> {
    let mut words = vec![arg_at.len() as u64];
    words.extend(arg_at);
    words.push(0);
    words.extend(env_at);
    words.push(0);
    words
}

/// Where a program's instructions are (`start_code` and `end_code`).
fn code_of(loads: &[Segment], bias: u64) -> Range<u64> {
    let code = loads.iter().filter(|segment| segment.flags & 1 != 0);
    let ends = code.map(|segment| {
        let start = bias.wrapping_add(segment.vaddr);
        (start, start.saturating_add(segment.filesz))
    });
    let joined = ends.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
    joined.map_or(0..0, |(start, end)| start..end.min(USER_END))
}

/// The stack while it is filled, downwards.
struct Stack<'a> {
    kernel: &'a mut Kernel,
    mm: MmId,
    prot: Prot,
    sp: u64,
    /// Every page from here on is present.
    lowest: u64,
}

impl Stack<'_> {
    /// Puts bytes below what is there; their address.
    fn push(&mut self, bytes: &[u8], align: u64) -> Result<u64> {
        let sp = self
            .sp
            .checked_sub(bytes.len() as u64)
            .ok_or(Errno::E2BIG)?;
        self.sp = sp & !(align - 1);
        self.reach(self.sp)?;
        let kernel = &mut *self.kernel;
        let mm = kernel.mms.get_mut(self.mm).ok_or(Errno::ENOMEM)?;
        mm.space
            .write(&mut kernel.frames, self.sp, bytes)
            .map_err(|_| Errno::ENOMEM)?;
        Ok(self.sp)
    }

    /// Makes all pages down to an address present.
    fn reach(&mut self, addr: u64) -> Result<()> {
        let kernel = &mut *self.kernel;
        let mm = kernel.mms.get_mut(self.mm).ok_or(Errno::ENOMEM)?;
        while self.lowest > page_down(addr) {
            self.lowest -= PAGE_SIZE;
            let frame = kernel.frames.alloc_zeroed().map_err(|_| Errno::ENOMEM)?;
            let (at, prot) = (self.lowest, self.prot);
            mm.space
                .map(&mut kernel.frames, at, frame, prot, Sharing::Private)
                .map_err(|_| Errno::ENOMEM)?;
        }
        let lowest = mm.vma_at(STACK_TOP - 1).map(|(start, vma)| (start, *vma));
        if let Some((start, vma)) = lowest
            && page_down(addr) < start
        {
            mm.vmas.remove(&start);
            mm.vmas.insert(page_down(addr), vma);
        }
        Ok(())
    }

    fn push_words(&mut self, words: &[u64]) -> Result<u64> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.push(&bytes, 16)
    }

    fn push_string(&mut self, string: &[u8]) -> Result<u64> {
        let mut bytes = string.to_vec();
        bytes.push(0);
        self.push(&bytes, 1)
    }

    /// Puts strings so that they lie in order; their addresses.
    fn push_strings(&mut self, strings: &[Vec<u8>]) -> Result<Vec<u64>> {
        let mut at = Vec::with_capacity(strings.len());
        for string in strings.iter().rev() {
            at.push(self.push_string(string)?);
        }
        at.reverse();
        Ok(at)
    }
}
