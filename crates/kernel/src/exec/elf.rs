//! Reading ELF files (`man 5 elf`): the header and program headers of x86-64 executables.

use glassdock_abi::{Errno, Result};

/// Bytes of one program header.
pub(super) const PHDR: usize = 56;
/// Most program headers that are read (the kernel allows 64 KiB of them).
const PHDRS_MAX: usize = 65_536 / PHDR;

/// `PT_LOAD`.
pub(crate) const PT_LOAD: u32 = 1;
/// `PT_INTERP`.
pub(crate) const PT_INTERP: u32 = 3;
/// `PT_GNU_STACK`.
pub(crate) const PT_GNU_STACK: u32 = 0x6474_e551;

/// A program header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) vaddr: u64,
    pub(crate) filesz: u64,
    pub(crate) memsz: u64,
    pub(crate) align: u64,
}

/// What an executable says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Elf {
    /// Position independent (`ET_DYN`).
    pub(crate) relocatable: bool,
    pub(crate) entry: u64,
    pub(crate) phoff: u64,
    pub(crate) segments: Vec<Segment>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// What the header says of the program headers: offset, count.
fn header(head: &[u8]) -> Option<(bool, u64, u64, usize)> {
    // Linux looks at neither class nor byte order.
    let wanted = head.starts_with(b"\x7fELF");
    let relocatable = match u16_at(head, 16)? {
        2 => false,
        3 => true,
        _ => return None,
    };
    let machine = u16_at(head, 18)?;
    let size = usize::from(u16_at(head, 54)?);
    let count = usize::from(u16_at(head, 56)?);
    if !wanted || machine != 62 || size != PHDR || count == 0 || count > PHDRS_MAX {
        return None;
    }
    Some((relocatable, u64_at(head, 24)?, u64_at(head, 32)?, count))
}

fn segment(bytes: &[u8]) -> Option<Segment> {
    Some(Segment {
        kind: u32_at(bytes, 0)?,
        flags: u32_at(bytes, 4)?,
        offset: u64_at(bytes, 8)?,
        vaddr: u64_at(bytes, 16)?,
        filesz: u64_at(bytes, 32)?,
        memsz: u64_at(bytes, 40)?,
        align: u64_at(bytes, 48)?,
    })
}

/// Reads an executable through `read(offset, count)`. `ENOEXEC` for what is none for this machine.
pub(crate) fn parse(
    head: &[u8],
    mut read: impl FnMut(u64, usize) -> Result<Vec<u8>>,
) -> Result<Elf> {
    let (relocatable, entry, phoff, count) = header(head).ok_or(Errno::ENOEXEC)?;
    let table = read(phoff, count * PHDR)?;
    if table.len() < count * PHDR {
        return Err(Errno::ENOEXEC);
    }
    let segments: Option<Vec<Segment>> = table.chunks_exact(PHDR).map(segment).collect();
    Ok(Elf {
        relocatable,
        entry,
        phoff,
        segments: segments.ok_or(Errno::ENOEXEC)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes, |at, n| {
                let at = (at as usize).min(bytes.len());
                Ok(bytes[at..bytes.len().min(at.saturating_add(n))].to_vec())
            });
        }
    }
}
