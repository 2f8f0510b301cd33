//! Frames that carry standard output and error over one stream (`pkg/stdcopy`).
//!
//! A frame is a header of 8 bytes, `[stream, 0, 0, 0, length in 4 bytes, highest first]`, and the bytes.

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 8;

/// Whose bytes a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum StdStream {
    /// Standard input; moby's reader passes it on as output.
    Stdin = 0,
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
    /// An error of the engine, which ends the stream.
    Systemerr = 3,
}

/// The header of a frame.
pub const fn header(stream: StdStream, length: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = length.to_be_bytes();
    [stream as u8, 0, 0, 0, a, b, c, d]
}

/// A whole frame. `data` longer than `u32::MAX` is cut there; callers write in far smaller pieces.
pub fn frame(stream: StdStream, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEADER_LEN + data.len());
    frame.extend_from_slice(&header(stream, length));
    frame.extend_from_slice(&data[..data.len().min(length as usize)]);
    frame
}

/// A stream that is not one of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownStream(pub u8);

impl core::fmt::Display for UnknownStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "unrecognized stream: {}", self.0)
    }
}
impl core::error::Error for UnknownStream {}

/// Takes frames apart, however the bytes arrive. It holds no more than a header.
#[derive(Clone, Debug, Default)]
pub struct Demux {
    header: Vec<u8>,
    current: Option<(StdStream, u32)>,
}

impl Demux {
    /// Reads `bytes` and yields the pieces they hold, in order. Pieces of one frame may come apart.
    pub fn push<'a>(
        &mut self,
        mut bytes: &'a [u8],
    ) -> Result<Vec<(StdStream, &'a [u8])>, UnknownStream> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            match self.current.take() {
                None => bytes = self.push_header(bytes)?,
                Some((stream, left)) => {
                    let take = bytes.len().min(left as usize);
                    let (piece, rest) = bytes.split_at(take);
                    pieces.push((stream, piece));
                    bytes = rest;
                    let left = left - take as u32;
                    self.current = (left > 0).then_some((stream, left));
                }
            }
        }
        Ok(pieces)
    }

    /// Whether the stream may end here: not inside a frame.
    pub fn at_boundary(&self) -> bool {
        self.header.is_empty() && self.current.is_none()
    }

    fn push_header<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], UnknownStream> {
        let take = bytes.len().min(HEADER_LEN - self.header.len());
        let (head, rest) = bytes.split_at(take);
        self.header.extend_from_slice(head);
        if let &[kind, _, _, _, a, b, c, d] = self.header.as_slice() {
            self.header.clear();
            let stream = match kind {
                0 => StdStream::Stdin,
                1 => StdStream::Stdout,
                2 => StdStream::Stderr,
                3 => StdStream::Systemerr,
                other => return Err(UnknownStream(other)),
            };
            let length = u32::from_be_bytes([a, b, c, d]);
            self.current = (length > 0).then_some((stream, length));
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_is_its_header_and_its_bytes() {
        assert_eq!(
            frame(StdStream::Stderr, b"ab"),
            [2, 0, 0, 0, 0, 0, 0, 2, b'a', b'b']
        );
    }

    #[test]
    fn an_unknown_stream_is_an_error() {
        assert_eq!(
            Demux::default().push(b"hello, world"),
            Err(UnknownStream(b'h'))
        );
    }

    proptest! {
        #[test]
        fn frames_come_apart_however_they_arrive(
            frames in prop::collection::vec((prop::bool::ANY, prop::collection::vec(any::<u8>(), 0..20)), 0..8),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let mut bytes = Vec::new();
            let (mut out, mut err) = (Vec::<u8>::new(), Vec::<u8>::new());
            for (is_err, data) in &frames {
                let stream = if *is_err { StdStream::Stderr } else { StdStream::Stdout };
                bytes.extend(frame(stream, data));
                if *is_err { err.extend(data) } else { out.extend(data) }
            }
            let mut demux = Demux::default();
            let (mut got_out, mut got_err) = (Vec::new(), Vec::new());
            let (mut rest, mut cuts) = (bytes.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (head, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                for (stream, piece) in demux.push(head).unwrap() {
                    if stream == StdStream::Stderr { got_err.extend(piece) } else { got_out.extend(piece) }
                }
                rest = tail;
            }
            prop_assert!(demux.at_boundary());
            prop_assert_eq!((got_out, got_err), (out, err));
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Demux::default().push(&bytes);
        }
    }
}
