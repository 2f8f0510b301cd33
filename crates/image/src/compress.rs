//! Compression, recognised by the first bytes and never by a name.

use crate::source::{Peek, Source};
use crate::{Error, Result};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use std::io::Write;

/// Compressed bytes given to the inflater at once. One of them becomes at most about a thousand, so this bounds what is
/// held in memory at 4 MiB.
const INFLATE_STEP: u64 = 4096;

const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];
/// Formats that Docker reads and this build does not.
const OTHERS: [(&[u8], &str); 3] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (b"BZh", "bzip2"),
];
const LONGEST_MAGIC: usize = 6;

/// Whether bytes begin as one of the known formats does.
pub fn is_compressed(head: &[u8]) -> bool {
    head.starts_with(GZIP) || OTHERS.iter().any(|(magic, _)| head.starts_with(magic))
}

/// A source whose gzip compression, if it has one, is taken off.
pub enum Decompressed<R> {
    /// It has none.
    Plain(Peek<R>),
    /// It has.
    Gzip(Box<Gunzip<R>>),
}

impl<R: Source> Decompressed<R> {
    /// Looks at the first bytes and chooses.
    ///
    /// # Errors
    /// [`Error::Compression`] for formats that are known but not built in.
    pub async fn new(source: R) -> Result<Decompressed<R>> {
        let mut source = Peek::new(source);
        let magic = source.peek(LONGEST_MAGIC).await?;
        if magic.starts_with(GZIP) {
            return Ok(Decompressed::Gzip(Box::new(Gunzip::new(source))));
        }
        for (other, name) in OTHERS {
            if magic.starts_with(other) {
                return Err(Error::Compression(name));
            }
        }
        Ok(Decompressed::Plain(source))
    }
}

impl<R: Source> Source for Decompressed<R> {
    async fn chunk(&mut self) -> Result<Bytes> {
        match self {
            Decompressed::Plain(source) => source.chunk().await,
            Decompressed::Gzip(source) => source.chunk().await,
        }
    }
}

/// Takes gzip off a source, all members of it.
pub struct Gunzip<R> {
    source: Peek<R>,
    inflater: Option<MultiGzDecoder<Vec<u8>>>,
}

impl<R: Source> Gunzip<R> {
    fn new(source: Peek<R>) -> Gunzip<R> {
        Gunzip {
            source,
            inflater: Some(MultiGzDecoder::new(Vec::new())),
        }
    }
}

impl<R: Source> Source for Gunzip<R> {
    async fn chunk(&mut self) -> Result<Bytes> {
        while let Some(inflater) = &mut self.inflater {
            let input = self.source.take(INFLATE_STEP).await?;
            let output = if input.is_empty() {
                // The end: the checksum of the last member is looked at here.
                let inflater = self.inflater.take().ok_or(Error::UnexpectedEof)?;
                inflater.finish().map_err(gzip_error)?
            } else {
                inflater.write_all(&input).map_err(gzip_error)?;
                core::mem::take(inflater.get_mut())
            };
            if !output.is_empty() {
                return Ok(output.into());
            }
        }
        Ok(Bytes::new())
    }
}

fn gzip_error(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::UnexpectedEof,
        _ => Error::Gzip(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::read_all;
    use flate2::{Compression, write::GzEncoder};
    use futures_util::FutureExt;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn decompress(data: Vec<u8>) -> Result<Vec<u8>> {
        async move { read_all(Decompressed::new(Bytes::from(data)).await?, "data", 1 << 24).await }
            .now_or_never()
            .unwrap()
    }

    #[test]
    fn plain_bytes_go_through_and_gzip_members_are_joined() {
        assert_eq!(decompress(b"plain".to_vec()).unwrap(), b"plain");
        assert_eq!(decompress(Vec::new()).unwrap(), b"");
        assert_eq!(decompress(gzip(b"one")).unwrap(), b"one");
        assert_eq!(
            decompress([gzip(b"one"), gzip(b"two")].concat()).unwrap(),
            b"onetwo"
        );
        let zeros = vec![0; 5 << 20];
        assert_eq!(decompress(gzip(&zeros)).unwrap(), zeros);
    }

    #[test]
    fn damage_and_other_formats_are_refused() {
        let whole = gzip(&b"some text ".repeat(100));
        for cut in 3..whole.len() {
            assert!(decompress(whole[..cut].to_vec()).is_err(), "cut at {cut}");
        }
        let mut flipped = whole.clone();
        let crc = flipped.len() - 8;
        flipped[crc] ^= 1;
        assert!(matches!(decompress(flipped), Err(Error::Gzip(_))));
        assert_eq!(
            decompress(vec![0x28, 0xb5, 0x2f, 0xfd, 0]),
            Err(Error::Compression("zstd"))
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail: Vec<u8>) {
            let _ = decompress([GZIP, &tail].concat());
        }
    }
}
