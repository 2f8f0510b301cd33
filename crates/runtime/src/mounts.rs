//! The mounts that the calling process sees (`man 5 proc_pid_mountinfo`).

use crate::io::read_file;
use glassdock_abi::{Result, Sys};

/// Longest `/proc/self/mountinfo` in bytes.
const MAX_MOUNTINFO: usize = 4 << 20;

/// A mount, and whom it shares mounts with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mounted {
    /// Its id, as `statx` tells it of files that are reached through it.
    pub id: u64,
    /// Where it is.
    pub point: String,
    /// Whether mounts below it spread to its peers.
    pub shared: bool,
    /// Whether mounts come to it from others.
    pub slave: bool,
}

/// All of them, in the kernel's order.
///
/// # Errors
/// Those of reading a file of `/proc`.
pub async fn mounts<S: Sys>(sys: &S) -> Result<Vec<Mounted>> {
    Ok(text(sys).await?.lines().filter_map(mounted).collect())
}

/// What the kernel tells of them.
pub(crate) async fn text<S: Sys>(sys: &S) -> Result<String> {
    let bytes = read_file(sys, "/proc/self/mountinfo", MAX_MOUNTINFO).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn mounted(line: &str) -> Option<Mounted> {
    let (before, _) = line.split_once(" - ")?;
    let mut fields = before.split(' ');
    let (id, point) = (fields.next()?.parse().ok()?, fields.nth(3)?);
    // The flags are in between.
    let mut found = Mounted {
        id,
        point: unescape(point),
        shared: false,
        slave: false,
    };
    for field in fields.skip(1) {
        found.shared |= field.starts_with("shared:");
        found.slave |= field.starts_with("master:");
    }
    Some(found)
}

/// The octal escapes of mountinfo: space, tab, newline, backslash.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_tells_whom_it_shares_with() {
        for (line, id, point, shared, slave) in [
            (
                "29 1 8:1 / / rw,relatime - ext4 /dev/sda rw",
                29,
                "/",
                false,
                false,
            ),
            (
                "30 29 0:5 /a /a\\040b rw shared:7 - tmpfs none rw",
                30,
                "/a b",
                true,
                false,
            ),
            (
                "31 29 0:5 / /c rw master:7 propagate_from:2 - tmpfs none rw",
                31,
                "/c",
                false,
                true,
            ),
            (
                "32 29 0:5 / /d ro shared:8 master:7 - tmpfs none rw",
                32,
                "/d",
                true,
                true,
            ),
        ] {
            let point = point.to_owned();
            let wanted = Mounted {
                id,
                point,
                shared,
                slave,
            };
            assert_eq!(mounted(line), Some(wanted), "{line}");
        }
        for wrong in ["", "29 1 8:1 / / rw", "x 1 8:1 / / rw - ext4 a rw"] {
            assert_eq!(mounted(wrong), None, "{wrong}");
        }
    }
}
