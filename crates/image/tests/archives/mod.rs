//! Archives, good and damaged, and what becomes of them on any kernel.

pub mod images;
pub mod layers;

use bytes::Bytes;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::{Stat, mode};
use glassdock_abi::{Call, Errno, Fd, Io, PathArg, Sys};
use glassdock_image::{Error, digest, fs};
use std::io::Write;
use tar::{Builder, EntryType, Header};

/// Seconds since 1970 of every entry.
const TIME: i64 = 1_000_000_000;

const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const SYM: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;

/// An entry: name, type, link, contents.
type Entry<'a> = (&'a str, EntryType, &'a str, &'a [u8]);

/// A tar archive. Names are written as they are, also those that no honest program writes.
pub fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, link, data) in entries {
        let mut header = Header::new_gnu();
        let gnu = header.as_gnu_mut().expect("a GNU header");
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(data.len() as u64);
        header.set_mode(if kind.is_dir() { 0o1755 } else { 0o4640 });
        header.set_uid(11);
        header.set_gid(22);
        header.set_mtime(TIME as u64);
        header.set_device_major(1).expect("a GNU header");
        header.set_device_minor(3).expect("a GNU header");
        header.set_cksum();
        builder.append(&header, *data).expect("written to memory");
    }
    builder.into_inner().expect("written to memory")
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).expect("written to memory");
    encoder.finish().expect("written to memory")
}

/// The digest of some bytes as text.
fn sha(data: &[u8]) -> String {
    digest::of(data).to_string()
}

/// The cases of which something else came than what they say.
pub type Differences = Vec<String>;

fn compare(differences: &mut Differences, case: &str, told: &str, expected: &str) {
    if told != expected {
        differences.push(format!(
            "{case}:\n--- expected\n{expected}\n--- told\n{told}"
        ));
    }
}

/// Makes a directory of this name, emptied of what was there.
async fn fresh<S: Sys>(sys: &S, path: &PathArg) -> glassdock_image::Result<()> {
    fs::remove_path(sys, path).await?;
    fs::create_dir_all(sys, path, 0o755).await
}

/// All that is in a directory, a line each, in the order of the names: what it is, its permissions, owner, time, and
/// target, device or contents.
async fn tree<S: Sys>(sys: &S, root: &PathArg) -> Result<String, Error> {
    let mut lines = Vec::new();
    let mut dirs = vec![PathArg::default()];
    while let Some(dir) = dirs.pop() {
        let open = fs::open_dir(sys, &root.join(dir.as_bytes())).await?;
        for (name, is_dir) in fs::list(sys, open.fd()).await? {
            let path = dir.join(&name);
            let told = entry(sys, &root.join(path.as_bytes())).await;
            let told = told.unwrap_or_else(|errno| format!("{errno:?}"));
            lines.push(format!("{path} {told}"));
            if is_dir {
                dirs.push(path);
            }
        }
    }
    lines.sort();
    Ok(lines.join("\n"))
}

async fn entry<S: Sys>(sys: &S, path: &PathArg) -> Result<String, Errno> {
    let stat = sys
        .statx(Fd::CWD, path.clone(), AtFlags::SYMLINK_NOFOLLOW)
        .await?;
    let mut told = format!("{} {}:{}", mode_text(&stat), stat.uid, stat.gid);
    // Directories that are only a part of a name have the time at which they were made.
    if stat.mtime.sec != TIME {
        told += " now";
    }
    match stat.mode & mode::S_IFMT {
        mode::S_IFREG => {
            if stat.nlink > 1 {
                told += &format!(" {} names", stat.nlink);
            }
            let file = sys
                .openat(Fd::CWD, path.clone(), OpenFlags::RDONLY, 0)
                .await?;
            let data = sys.read(file.fd(), 100).await?;
            told += &format!(" {:?}", String::from_utf8_lossy(&data));
        }
        mode::S_IFLNK => {
            let target = sys.readlinkat(Fd::CWD, path.clone()).await?;
            told += &format!(" -> {}", String::from_utf8_lossy(&target));
        }
        mode::S_IFCHR => told += &format!(" {}:{}", stat.rdev.major(), stat.rdev.minor()),
        mode::S_IFDIR if is_opaque(sys, path).await? => told += " opaque",
        _ => {}
    }
    Ok(told)
}

fn mode_text(stat: &Stat) -> String {
    let kind = match stat.mode & mode::S_IFMT {
        mode::S_IFREG => "file",
        mode::S_IFDIR => "dir",
        mode::S_IFLNK => "link",
        mode::S_IFCHR => "char",
        mode::S_IFIFO => "fifo",
        _ => "other",
    };
    format!("{kind} {:o}", stat.mode & 0o7777)
}

/// Whether overlayfs hides what is below a directory.
async fn is_opaque<S: Sys>(sys: &S, path: &PathArg) -> Result<bool, Errno> {
    let call = Call::Getxattr {
        path: path.clone(),
        name: b"trusted.overlay.opaque".to_vec(),
        follow: false,
    };
    match sys.call(call).await {
        Ok(value) => Ok(value.bytes()? == b"y"),
        Err(Errno::ENODATA) => Ok(false),
        Err(errno) => Err(errno),
    }
}

async fn unpack<S: Sys>(
    sys: &S,
    root: &PathArg,
    data: Vec<u8>,
) -> Result<glassdock_image::layer::Unpacked, Error> {
    let open = fs::open_dir(sys, root).await?;
    glassdock_image::layer::unpack(sys, open.fd(), Bytes::from(data)).await
}
