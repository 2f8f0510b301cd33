//! A tar reader over a stream of chunks: ustar, GNU long names and PAX records, as Go's `archive/tar` reads them.
//!
//! Header fields are decoded by the `tar` crate; this module pulls the stream, which that crate cannot do without
//! blocking. Sparse files are refused, in GNU's form (as Docker does) and in that of PAX (which Docker unpacks).

use crate::source::{Peek, Source};
use crate::{Error, Result};
use bytes::Bytes;
use glassdock_abi::types::Timespec;
use tar::{EntryType, Header};

/// The unit of a tar archive in bytes.
const BLOCK: u64 = 512;
/// Largest PAX record block or GNU long name in bytes (Go's `maxSpecialFileSize`).
pub const MAX_SPECIAL: u64 = 1 << 20;
/// Longest path or link target in bytes (`PATH_MAX`).
pub const MAX_PATH: usize = 4096;

/// What an entry makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A regular file; its contents follow.
    File,
    /// A hard link to [`Entry::link`], a path from the archive's root.
    HardLink,
    /// A symbolic link with the text [`Entry::link`].
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A directory.
    Dir,
    /// A named pipe.
    Fifo,
}

/// One entry of an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The path as written, never with a NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Target of a link, never with a NUL.
    pub link: Vec<u8>,
    /// Permission bits, with set-id and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the contents.
    pub mtime: Timespec,
    /// Length of the contents in bytes.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Extended attributes (`SCHILY.xattr.`).
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads the entries of an archive in order.
pub struct Reader<R> {
    source: Peek<R>,
    /// Bytes of the present entry's contents that were not read.
    left: u64,
    /// Bytes after them up to the next block.
    padding: u64,
    ended: bool,
}

/// Values that came in front of an entry and go before its header's.
#[derive(Default)]
struct Overrides {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<Timespec>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: Source> Reader<R> {
    /// Starts at the source's present place.
    pub fn new(source: R) -> Reader<R> {
        Reader {
            source: Peek::new(source),
            left: 0,
            padding: 0,
            ended: false,
        }
    }

    /// The next entry; what was left of the last one's contents is passed over. `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Entry>> {
        let mut overrides = Overrides::default();
        let (mut long_path, mut long_link) = (None, None);
        loop {
            let Some(header) = self.header().await? else {
                return Ok(None);
            };
            let kind = header.entry_type();
            let size = header.entry_size().map_err(|_| Error::TarHeader)?;
            match kind {
                EntryType::GNULongName => {
                    long_path = Some(self.special(size).await.map(until_nul)?)
                }
                EntryType::GNULongLink => {
                    long_link = Some(self.special(size).await.map(until_nul)?)
                }
                // Only the last one counts.
                EntryType::XHeader => overrides = Overrides::of_pax(&self.special(size).await?)?,
                // Docker ignores them too (moby `go-archive` `Unpack`).
                EntryType::XGlobalHeader => drop(self.special(size).await?),
                _ => {
                    let long = |name: Option<Vec<u8>>| name.filter(|name| !name.is_empty());
                    overrides.path = long(long_path).or(overrides.path);
                    overrides.link = long(long_link).or(overrides.link);
                    return self.entry(&header, kind, overrides).map(Some);
                }
            }
        }
    }

    /// More of the present entry's contents; empty at their end.
    pub async fn data(&mut self) -> Result<Bytes> {
        if self.left == 0 {
            return Ok(Bytes::new());
        }
        let chunk = self.source.take(self.left).await?;
        if chunk.is_empty() {
            return Err(Error::UnexpectedEof);
        }
        self.left -= chunk.len() as u64;
        Ok(chunk)
    }

    /// The present entry's contents as a source.
    pub fn contents(&mut self) -> Contents<'_, R> {
        Contents(self)
    }

    /// The source, at an unspecified place after the last entry that was read.
    pub fn into_source(self) -> R {
        self.source.into_inner()
    }

    async fn header(&mut self) -> Result<Option<Header>> {
        if self.ended {
            return Ok(None);
        }
        while !self.data().await?.is_empty() {}
        // As Go's reader, a last entry without its padding is not an error.
        while self.padding > 0 {
            let skipped = self.source.take(self.padding).await?;
            if skipped.is_empty() {
                break;
            }
            self.padding -= skipped.len() as u64;
        }
        let mut block = [0; BLOCK as usize];
        if !self.block(&mut block).await? {
            return Ok(None);
        }
        if block.iter().all(|byte| *byte == 0) {
            // Two blocks of zeros end an archive; an end of the stream after the first does, too.
            return match self.block(&mut block).await? && block.iter().any(|byte| *byte != 0) {
                true => Err(Error::TarHeader),
                false => Ok(None),
            };
        }
        if !checksum_fits(&block) {
            return Err(Error::TarHeader);
        }
        fill_blanks(&mut block);
        let header = Header::from_byte_slice(&block).clone();
        let carries = !matches!(
            header.entry_type(),
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Char
                | EntryType::Block
                | EntryType::Directory
                | EntryType::Fifo
        );
        self.left = if carries {
            header.entry_size().map_err(|_| Error::TarHeader)?
        } else {
            0
        };
        self.padding = padding(self.left);
        Ok(Some(header))
    }

    /// Reads one block; `false` (and the end) when the stream ends before its first byte.
    async fn block(&mut self, block: &mut [u8; BLOCK as usize]) -> Result<bool> {
        let mut rest = &mut block[..];
        while !rest.is_empty() {
            let chunk = self.source.take(rest.len() as u64).await?;
            if chunk.is_empty() {
                self.ended = true;
                return if rest.len() as u64 == BLOCK {
                    Ok(false)
                } else {
                    Err(Error::UnexpectedEof)
                };
            }
            let (head, tail) = rest.split_at_mut(chunk.len());
            head.copy_from_slice(&chunk);
            rest = tail;
        }
        Ok(true)
    }

    /// The whole contents of an entry that describes the next one.
    async fn special(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > MAX_SPECIAL {
            return Err(Error::TarHeader);
        }
        let mut data = Vec::new();
        loop {
            let chunk = self.data().await?;
            if chunk.is_empty() {
                return Ok(data);
            }
            data.extend_from_slice(&chunk);
        }
    }

    fn entry(&mut self, header: &Header, kind: EntryType, overrides: Overrides) -> Result<Entry> {
        let path = overrides
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let kind = match kind {
            // Archives older than POSIX mark a directory by a slash at the end of its name.
            EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => Kind::Dir,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Link => Kind::HardLink,
            EntryType::Symlink => Kind::Symlink,
            EntryType::Char => Kind::Char,
            EntryType::Block => Kind::Block,
            EntryType::Directory => Kind::Dir,
            EntryType::Fifo => Kind::Fifo,
            other => return Err(Error::TarType(other.as_byte())),
        };
        if kind == Kind::File
            && let Some(size) = overrides.size
        {
            self.left = size;
            self.padding = padding(size);
        }
        let number = |field: std::io::Result<Option<u32>>| {
            field.map(Option::unwrap_or_default).unwrap_or_default()
        };
        let id = |field: std::io::Result<u64>| {
            field
                .ok()
                .and_then(|id| u32::try_from(id).ok())
                .ok_or(Error::TarHeader)
        };
        let link = overrides
            .link
            .or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
        let link = link.unwrap_or_default();
        if [&path, &link]
            .iter()
            .any(|path| path.len() > MAX_PATH || path.contains(&0))
            || path.is_empty()
        {
            return Err(Error::TarHeader);
        }
        Ok(Entry {
            path,
            kind,
            link,
            mode: header.mode().map_err(|_| Error::TarHeader)? & 0o7777,
            uid: overrides.uid.map_or_else(|| id(header.uid()), Ok)?,
            gid: overrides.gid.map_or_else(|| id(header.gid()), Ok)?,
            mtime: overrides.mtime.unwrap_or_else(|| header_mtime(header)),
            size: self.left,
            device: (number(header.device_major()), number(header.device_minor())),
            xattrs: overrides.xattrs,
        })
    }
}

impl Overrides {
    /// The records of a PAX extended header (`man 5 tar`): `LENGTH KEY=VALUE\n`, the length covering all of it. An empty
    /// value leaves the header's.
    fn of_pax(mut data: &[u8]) -> Result<Overrides> {
        let mut found = Overrides::default();
        while !data.is_empty() {
            let (record, rest) = pax_record(data).ok_or(Error::TarHeader)?;
            data = rest;
            let equals = record
                .iter()
                .position(|byte| *byte == b'=')
                .ok_or(Error::TarHeader)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                found.xattrs.push((name.to_vec(), value.to_vec()));
                continue;
            }
            let text = || core::str::from_utf8(value).map_err(|_| Error::TarHeader);
            let id = || text()?.parse().map_err(|_| Error::TarHeader);
            match key {
                _ if value.is_empty() => {}
                b"path" => found.path = Some(value.to_vec()),
                b"linkpath" => found.link = Some(value.to_vec()),
                b"size" => found.size = Some(text()?.parse().map_err(|_| Error::TarHeader)?),
                b"uid" => found.uid = Some(id()?),
                b"gid" => found.gid = Some(id()?),
                b"mtime" => found.mtime = Some(pax_time(text()?).ok_or(Error::TarHeader)?),
                _ if key.starts_with(b"GNU.sparse.") => return Err(Error::Sparse),
                _ => {}
            }
        }
        Ok(found)
    }
}

fn pax_record(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = data.iter().take(12).position(|byte| *byte == b' ')?;
    let length: usize = core::str::from_utf8(&data[..space]).ok()?.parse().ok()?;
    let record = data.get(space + 1..length)?.strip_suffix(b"\n")?;
    Some((record, &data[length..]))
}

/// Seconds, perhaps negative, perhaps with a fraction.
fn pax_time(text: &str) -> Option<Timespec> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let sec: i64 = whole.parse().ok()?;
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let nsec: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nsec > 0 {
        // -1.25 is one and a quarter before the start.
        return Some(Timespec {
            sec: sec.checked_sub(1)?,
            nsec: 1_000_000_000 - nsec,
        });
    }
    Some(Timespec { sec, nsec })
}

fn header_mtime(header: &Header) -> Timespec {
    let sec = header
        .mtime()
        .ok()
        .and_then(|sec| i64::try_from(sec).ok())
        .unwrap_or_default();
    Timespec { sec, nsec: 0 }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = name.iter().position(|byte| *byte == 0) {
        name.truncate(end);
    }
    name
}

/// Writes a zero into numeric fields that were left empty, which means the same, as for Go's reader.
fn fill_blanks(block: &mut [u8; BLOCK as usize]) {
    // Mode, owner, group, length, time.
    for field in [100..108, 108..116, 116..124, 124..136, 136..148] {
        let field = &mut block[field];
        if field.iter().all(|byte| matches!(byte, 0 | b' ')) {
            field[0] = b'0';
        }
    }
}

/// Whether the eight bytes at 148 hold the sum of the block's bytes, counted with spaces in their place.
fn checksum_fits(block: &[u8; BLOCK as usize]) -> bool {
    let mut fields = *block;
    fields[148..156].fill(b' ');
    let sum: u32 = fields.iter().map(|byte| u32::from(*byte)).sum();
    // Some old programs added the bytes as signed ones.
    let signed: i32 = fields.iter().map(|byte| i32::from(*byte as i8)).sum();
    Header::from_byte_slice(block)
        .cksum()
        .is_ok_and(|said| said == sum || i64::from(said) == i64::from(signed))
}

/// Whether bytes begin as a tar archive does; an archive of nothing but zeros counts.
pub fn looks_like_tar(head: &[u8]) -> bool {
    match <&[u8; BLOCK as usize]>::try_from(head) {
        Ok(block) => block.iter().all(|byte| *byte == 0) || checksum_fits(block),
        Err(_) => false,
    }
}

/// The contents of a [`Reader`]'s present entry.
pub struct Contents<'a, R>(&'a mut Reader<R>);

impl<R: Source> Source for Contents<'_, R> {
    async fn chunk(&mut self) -> Result<Bytes> {
        self.0.data().await
    }
}

#[cfg(test)]
mod tests;
