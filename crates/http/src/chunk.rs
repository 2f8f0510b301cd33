//! Chunked bodies (RFC 9112 §7.1), taken apart however the bytes arrive.

use crate::limits::{MAX_CHUNK_EXCESS_BYTES, MAX_CHUNK_LINE_BYTES, MAX_TRAILER_BYTES};

/// What is wrong with a chunked body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChunkError {
    /// No size in hexadecimal, or one too large.
    Size,
    /// A line that is too long.
    LineTooLong,
    /// Something else where a line must end.
    LineEnd,
    /// Too many bytes that are not data.
    Excess,
    /// Trailers that are too long.
    TrailersTooLong,
}

impl core::fmt::Display for ChunkError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            ChunkError::Size => "invalid byte in chunk length",
            ChunkError::LineTooLong => "header line too long",
            ChunkError::LineEnd => "malformed chunked encoding",
            ChunkError::Excess => "chunked encoding contains too much non-data",
            ChunkError::TrailersTooLong => "trailers too long",
        })
    }
}
impl core::error::Error for ChunkError {}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Size,
    Data(u64),
    DataEnd,
    Trailers(usize),
    Done,
}

/// A decoder: holds where it is, never data.
#[derive(Clone, Debug)]
pub(crate) struct Chunked {
    at: At,
    /// Bytes that are not data, above what the data allows (Go's `chunkedReader.excess`).
    excess: u64,
}

/// One step of decoding.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// So many bytes at the start of the input are not data: drop them and go on.
    Skip(usize),
    /// So many bytes at the start of the input are data.
    Data(usize),
    /// More input is needed.
    More,
    /// The body has ended.
    Done,
}

impl Chunked {
    pub fn new() -> Chunked {
        Chunked {
            at: At::Size,
            excess: 0,
        }
    }

    /// Looks at the input's start.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        match self.at {
            At::Done => Ok(Step::Done),
            At::Data(left) => Ok(self.data(input, left)),
            At::Size => match line(input, MAX_CHUNK_LINE_BYTES)? {
                None => Ok(Step::More),
                Some((text, used)) => {
                    let size = size(text)?;
                    self.charge(used, size)?;
                    self.at = match size {
                        0 => At::Trailers(0),
                        size => At::Data(size),
                    };
                    Ok(Step::Skip(used))
                }
            },
            At::DataEnd => match input {
                [b'\r', b'\n', ..] => {
                    self.at = At::Size;
                    Ok(Step::Skip(2))
                }
                [] | [b'\r'] => Ok(Step::More),
                _ => Err(ChunkError::LineEnd),
            },
            At::Trailers(seen) => {
                let limit = MAX_TRAILER_BYTES.saturating_sub(seen);
                let found = line(input, limit).map_err(|error| match error {
                    ChunkError::LineTooLong => ChunkError::TrailersTooLong,
                    error => error,
                })?;
                Ok(found.map_or(Step::More, |(text, used)| {
                    self.at = if text.is_empty() {
                        At::Done
                    } else {
                        At::Trailers(seen + used)
                    };
                    Step::Skip(used)
                }))
            }
        }
    }

    fn data(&mut self, input: &[u8], left: u64) -> Step {
        if input.is_empty() {
            return Step::More;
        }
        let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let left = left - take as u64;
        self.at = if left == 0 {
            At::DataEnd
        } else {
            At::Data(left)
        };
        Step::Data(take)
    }

    /// Counts a size's line: 16 bytes of it and two for each byte of data are free, as in Go's reader.
    fn charge(&mut self, line: usize, size: u64) -> Result<(), ChunkError> {
        let free = size.saturating_mul(2).saturating_add(16);
        self.excess = (self.excess + line as u64).saturating_sub(free);
        match self.excess > MAX_CHUNK_EXCESS_BYTES {
            true => Err(ChunkError::Excess),
            false => Ok(()),
        }
    }
}

/// The first line without its end, and how many bytes it took. A line feed alone ends none, and no carriage return
/// stands inside: who reads that another way would see another request (CVE-2025-22871).
fn line(input: &[u8], limit: usize) -> Result<Option<(&[u8], usize)>, ChunkError> {
    let seen = &input[..input.len().min(limit)];
    match seen.iter().position(|byte| *byte == b'\n') {
        Some(end) => match input[..end].strip_suffix(b"\r") {
            Some(text) if !text.contains(&b'\r') => Ok(Some((text, end + 1))),
            _ => Err(ChunkError::LineEnd),
        },
        None if input.len() >= limit => Err(ChunkError::LineTooLong),
        None => Ok(None),
    }
}

fn size(line: &[u8]) -> Result<u64, ChunkError> {
    let digits = line
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    if digits.is_empty() || digits.len() > 16 {
        return Err(ChunkError::Size);
    }
    let mut size = 0u64;
    for digit in digits {
        let digit = (*digit as char).to_digit(16).ok_or(ChunkError::Size)?;
        size = size << 4 | u64::from(digit);
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes a whole input that arrives in pieces: the data, whether it ended, what was left.
    fn decode(input: &[u8], piece: usize) -> Result<(Vec<u8>, bool, usize), ChunkError> {
        let (mut decoder, mut buffer, mut data) = (Chunked::new(), Vec::new(), Vec::new());
        let mut pieces = input.chunks(piece);
        loop {
            match decoder.step(&buffer)? {
                Step::Skip(n) => drop(buffer.drain(..n)),
                Step::Data(n) => data.extend(buffer.drain(..n)),
                Step::Done => return Ok((data, true, buffer.len())),
                Step::More => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => return Ok((data, false, buffer.len())),
                },
            }
        }
    }

    #[test]
    fn chunks_make_a_body() {
        for (input, want) in [
            ("0\r\n\r\n", ("", true, 0)),
            ("5\r\nhello\r\n0\r\n\r\n", ("hello", true, 0)),
            (
                "5;ext=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
                ("hello0123456789", true, 0),
            ),
            ("5\r\nhel", ("hel", false, 0)),
        ] {
            for piece in [1, 2, 3, 100] {
                let (data, done, left) = decode(input.as_bytes(), piece).unwrap();
                assert_eq!(
                    (data.as_slice(), done, left),
                    (want.0.as_bytes(), want.1, want.2),
                    "{input:?}/{piece}"
                );
            }
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for (input, error) in [
            ("x\r\n", ChunkError::Size),
            ("\r\n", ChunkError::Size),
            ("-1\r\n", ChunkError::Size),
            ("00000000000000001\r\n", ChunkError::Size),
            ("1\r\nab\r\n", ChunkError::LineEnd),
            ("5\nhello\r\n", ChunkError::LineEnd),
            ("5;\r;\r\nhello\r\n", ChunkError::LineEnd),
            ("5\r\nhello\n0\r\n\r\n", ChunkError::LineEnd),
            ("0\r\n\n", ChunkError::LineEnd),
        ] {
            assert_eq!(decode(input.as_bytes(), 100), Err(error), "{input:?}");
        }
        let long = "1".repeat(MAX_CHUNK_LINE_BYTES);
        assert_eq!(decode(long.as_bytes(), 100), Err(ChunkError::LineTooLong));
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(MAX_TRAILER_BYTES / 6 + 1));
        assert_eq!(
            decode(trailers.as_bytes(), 100),
            Err(ChunkError::TrailersTooLong)
        );
    }

    #[test]
    fn extensions_cannot_outweigh_the_data() {
        let chunk = |extension: usize| format!("1;{}\r\nX\r\n", "e".repeat(extension));
        for (extension, count, excess) in [
            (0, 100_000, false),
            (14, 100_000, false),
            (1000, 16, false),
            (1000, 17, true),
        ] {
            let body = chunk(extension).repeat(count) + "0\r\n\r\n";
            let excess = excess.then_some(ChunkError::Excess);
            assert_eq!(
                decode(body.as_bytes(), 4096).err(),
                excess,
                "{extension}/{count}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused_alike_in_any_pieces(bytes in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'3'), any::<u8>()], 0..60), piece in 1usize..9) {
            let told = |piece| decode(&bytes, piece).map(|(data, done, _)| (data, done));
            prop_assert_eq!(told(piece), told(1000));
        }
    }
}
