//! Where bytes come from: a stream of chunks, pulled.

use crate::digest::Hasher;
use crate::{Digest, Error, Result};
use bytes::{Bytes, BytesMut};
use core::future::Future;
use glassdock_abi::{Fd, Io, Sys};

/// Bytes read from a descriptor at once.
pub const READ_SIZE: u64 = 64 * 1024;

/// A stream of bytes.
pub trait Source: Send {
    /// The next bytes; empty at the end, and at every call after it.
    fn chunk(&mut self) -> impl Future<Output = Result<Bytes>> + Send;
}

impl<R: Source> Source for &mut R {
    async fn chunk(&mut self) -> Result<Bytes> {
        R::chunk(self).await
    }
}

/// Bytes in memory, all at once.
impl Source for Bytes {
    async fn chunk(&mut self) -> Result<Bytes> {
        Ok(core::mem::take(self))
    }
}

/// What a descriptor yields.
pub struct FdSource<S> {
    sys: S,
    fd: Fd,
}

impl<S: Sys> FdSource<S> {
    /// Reads from where the descriptor stands; it stays the caller's.
    pub fn new(sys: &S, fd: Fd) -> FdSource<S> {
        FdSource {
            sys: sys.clone(),
            fd,
        }
    }
}

impl<S: Sys> Source for FdSource<S> {
    async fn chunk(&mut self) -> Result<Bytes> {
        let data = self
            .sys
            .read(self.fd, READ_SIZE)
            .await
            .map_err(Error::os("read", b"archive"))?;
        Ok(data.into())
    }
}

/// A source whose first bytes can be looked at before they are taken.
pub struct Peek<R> {
    inner: R,
    held: Bytes,
}

impl<R: Source> Peek<R> {
    /// A source with nothing looked at yet.
    pub fn new(inner: R) -> Peek<R> {
        Peek {
            inner,
            held: Bytes::new(),
        }
    }

    /// The first `count` bytes, fewer where the source ends before.
    pub async fn peek(&mut self, count: usize) -> Result<&[u8]> {
        while self.held.len() < count {
            let chunk = self.inner.chunk().await?;
            if chunk.is_empty() {
                break;
            }
            self.held = if self.held.is_empty() {
                chunk
            } else {
                let mut joined = BytesMut::with_capacity(self.held.len() + chunk.len());
                joined.extend_from_slice(&self.held);
                joined.extend_from_slice(&chunk);
                joined.freeze()
            };
        }
        Ok(self.held.get(..count).unwrap_or(&self.held))
    }

    /// The source itself, without what was looked at.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// The next bytes, at most `max`; empty at the end.
    pub async fn take(&mut self, max: u64) -> Result<Bytes> {
        if self.held.is_empty() {
            self.held = self.inner.chunk().await?;
        }
        let count = usize::try_from(max)
            .unwrap_or(usize::MAX)
            .min(self.held.len());
        Ok(self.held.split_to(count))
    }
}

impl<R: Source> Source for Peek<R> {
    async fn chunk(&mut self) -> Result<Bytes> {
        if self.held.is_empty() {
            self.inner.chunk().await
        } else {
            Ok(core::mem::take(&mut self.held))
        }
    }
}

/// A source that computes the digest of what goes through it.
pub struct Hashed<R> {
    inner: R,
    hasher: Hasher,
    count: u64,
}

impl<R: Source> Hashed<R> {
    /// Starts at the source's present place.
    pub fn new(inner: R) -> Hashed<R> {
        Hashed {
            inner,
            hasher: Hasher::default(),
            count: 0,
        }
    }

    /// Reads what is left, then gives the digest and the length in bytes of the whole.
    pub async fn finish(mut self) -> Result<(Digest, u64)> {
        while !self.chunk().await?.is_empty() {}
        Ok((self.hasher.finish(), self.count))
    }
}

impl<R: Source> Source for Hashed<R> {
    async fn chunk(&mut self) -> Result<Bytes> {
        let chunk = self.inner.chunk().await?;
        self.hasher.update(&chunk);
        self.count += chunk.len() as u64;
        Ok(chunk)
    }
}

/// Reads a whole source into memory.
///
/// # Errors
/// [`Error::TooLarge`] when it has more than `limit` bytes; `what` names it there.
pub async fn read_all(mut source: impl Source, what: &'static str, limit: u64) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let chunk = source.chunk().await?;
        if chunk.is_empty() {
            return Ok(all);
        }
        if (all.len() + chunk.len()) as u64 > limit {
            return Err(Error::TooLarge(what, limit));
        }
        all.extend_from_slice(&chunk);
    }
}
