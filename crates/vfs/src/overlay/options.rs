//! Options of a mount of an overlay.

use glassdock_abi::{Errno, Result};

/// Most lower layers (`OVL_MAX_STACK`).
pub(super) const LOWERS_MAX: usize = 500;

/// The options, unescaped.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Options {
    pub lowers: Vec<Vec<u8>>,
    pub upper: Option<Vec<u8>>,
    pub work: Option<Vec<u8>>,
    pub uuid: Uuid,
}

/// Whether the upper directory keeps a number for the file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Uuid {
    /// No.
    Off,
    /// Where it is new.
    #[default]
    Auto,
    /// Yes.
    On,
}

/// Splits at a separator that no backslash escapes; backslashes are kept.
fn split(text: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    let mut escaped = false;
    for &byte in text {
        if byte == separator && !escaped {
            parts.push(Vec::new());
            continue;
        }
        escaped = byte == b'\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(byte);
        }
    }
    parts
}

/// Takes the backslashes away (`ovl_unescape`).
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next()),
            _ => out.push(byte),
        }
    }
    out
}

/// A path as mountinfo shows it among the options: what would end it is escaped (`seq_escape`).
pub(super) fn escape(path: &[u8], more: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for &byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => out.extend(format!("\\{byte:03o}").into_bytes()),
            _ if more.contains(&byte) => out.extend(format!("\\{byte:03o}").into_bytes()),
            _ => out.push(byte),
        }
    }
    out
}

impl Options {
    /// Parses `mount`'s data. `EINVAL` for what is unknown or not supported, for an empty or missing `lowerdir` and for
    /// an `upperdir` without `workdir`.
    pub fn parse(data: &[u8]) -> Result<Options> {
        let mut options = Options::default();
        for option in split(data, b',').iter().filter(|option| !option.is_empty()) {
            let at = option
                .iter()
                .position(|&byte| byte == b'=')
                .unwrap_or(option.len());
            let (name, value) = (&option[..at], option.get(at + 1..).unwrap_or_default());
            match (name, value) {
                (b"lowerdir", _) => options.lowers = lowers(value)?,
                (b"lowerdir+", _) if !value.is_empty() => options.lowers.push(value.to_vec()),
                (b"upperdir", _) if !value.is_empty() => options.upper = Some(unescape(value)),
                (b"workdir", _) if !value.is_empty() => options.work = Some(unescape(value)),
                (b"index" | b"metacopy" | b"nfs_export", b"off") => {}
                (b"xino", b"off" | b"auto") => {}
                (b"redirect_dir", b"off" | b"nofollow") => {}
                (b"uuid", b"on") => options.uuid = Uuid::On,
                (b"uuid", b"auto") => options.uuid = Uuid::Auto,
                (b"uuid", b"off" | b"null") => options.uuid = Uuid::Off,
                (b"volatile" | b"default_permissions", b"") => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        if options.lowers.is_empty() || options.lowers.len() > LOWERS_MAX {
            return Err(Errno::EINVAL);
        }
        if options.upper.is_some() && options.work.is_none() {
            return Err(Errno::EINVAL);
        }
        if options.upper.is_none() {
            options.work = None;
        }
        Ok(options)
    }
}

fn lowers(value: &[u8]) -> Result<Vec<Vec<u8>>> {
    let parts = split(value, b':');
    if parts.iter().any(Vec::is_empty) {
        return Err(Errno::EINVAL);
    }
    Ok(parts.iter().map(|part| unescape(part)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_as_overlayfs_parses_them() {
        let lowers = |data: &str| Options::parse(data.as_bytes()).map(|options| options.lowers);
        let paths = |paths: &[&str]| {
            Ok(paths
                .iter()
                .map(|path| path.as_bytes().to_vec())
                .collect::<Vec<_>>())
        };
        let table = [
            ("lowerdir=/a", paths(&["/a"])),
            ("lowerdir=/a:/b,index=off", paths(&["/a", "/b"])),
            (r"lowerdir=/a\:x:/b", paths(&["/a:x", "/b"])),
            (r"lowerdir=/a\,x:/b", paths(&["/a,x", "/b"])),
            (r"lowerdir=/a\\:/b", paths(&[r"/a\", "/b"])),
            ("", Err(Errno::EINVAL)),
            ("lowerdir=", Err(Errno::EINVAL)),
            ("lowerdir=/a:", Err(Errno::EINVAL)),
            ("lowerdir=:/a", Err(Errno::EINVAL)),
            ("lowerdir=/a,upperdir=/u", Err(Errno::EINVAL)),
            ("lowerdir=/a,nonsense", Err(Errno::EINVAL)),
            ("lowerdir=/a,redirect_dir=on", Err(Errno::EINVAL)),
            ("lowerdir=/a,workdir=/w", paths(&["/a"])),
        ];
        for (data, expected) in table {
            assert_eq!(lowers(data), expected, "{data}");
        }
    }
}
