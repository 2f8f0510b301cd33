//! The filter of a container's system calls, kept for further processes: they get the same one.

use super::Result;
use crate::io::read_file;
use crate::seccomp::Filter;
use crate::{ErrorKind, RuntimeError};
use glassdock_abi::files::write_file;
use glassdock_abi::types::SockFilter;
use glassdock_abi::{Errno, PathArg, Sys};

/// Flags, then instructions, as the kernel has them.
pub(super) const FILE: &str = "seccomp.bpf";
/// Longest filter in bytes: as many instructions as the kernel takes.
const MAX_FILTER: usize = 4 + 8 * 4096;

/// Keeps a filter, if there is one.
pub(super) async fn keep<S: Sys>(sys: &S, dir: &PathArg, filter: Option<&Filter>) -> Result<()> {
    let Some(filter) = filter else {
        return Ok(());
    };
    let mut bytes = filter.flags.to_ne_bytes().to_vec();
    bytes.extend(filter.program.iter().flat_map(|insn| insn.to_bytes()));
    write_file(sys, &dir.join(FILE), &bytes, 0o600)
        .await
        .map_err(|errno| RuntimeError::errno(format_args!("write {dir}/{FILE}"), errno))
}

/// The filter that was kept. One that cannot be read is an error: a process must not go without it.
pub(super) async fn kept<S: Sys>(sys: &S, dir: &PathArg) -> Result<Option<Filter>> {
    let bytes = match read_file(sys, dir.join(FILE), MAX_FILTER).await {
        Err(Errno::ENOENT) => return Ok(None),
        bytes => {
            bytes.map_err(|errno| RuntimeError::errno(format_args!("read {dir}/{FILE}"), errno))?
        }
    };
    parse(&bytes)
        .map(Some)
        .ok_or_else(|| RuntimeError::new(ErrorKind::System, format!("{dir}/{FILE} is damaged")))
}

fn parse(bytes: &[u8]) -> Option<Filter> {
    let (flags, rest) = bytes.split_first_chunk::<4>()?;
    let (program, rest) = rest.as_chunks::<8>();
    (rest.is_empty() && !program.is_empty()).then(|| Filter {
        program: program
            .iter()
            .copied()
            .map(SockFilter::from_bytes)
            .collect(),
        flags: u32::from_ne_bytes(*flags),
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_is_cut_short_is_no_filter() {
        let whole = [0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0xff, 0x7f];
        let filter = parse(&whole).expect("a filter");
        assert_eq!(
            (filter.program.len(), filter.program[0].k),
            (1, 0x7fff_0000)
        );
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length]), None);
        }
    }
}
