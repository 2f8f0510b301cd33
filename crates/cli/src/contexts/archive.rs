//! Contexts as tar archives (docker/cli `cli/context/store/store.go`): `meta.json`, and `tls/ENDPOINT/FILE` for what an
//! endpoint needs of secrets.

use super::meta::Meta;
use std::collections::BTreeMap;
use std::io::Read;
use tar::{Archive, Builder, EntryType, Header};

/// Secrets, by endpoint and by name of file.
pub type Secrets = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Bytes of one file in an archive at most (docker/cli `maxAllowedFileSizeToImport`).
const MAX_FILE: u64 = 10 << 20;
/// How zip archives begin.
const ZIP: &[u8] = b"PK\x03\x04";
const META: &str = "meta.json";

/// Makes an archive.
///
/// # Errors
/// A name that is too long for an archive.
pub fn pack(meta: &Meta, secrets: &Secrets) -> std::io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    add(
        &mut archive,
        META,
        EntryType::Regular,
        meta.to_json().as_bytes(),
    )?;
    add(&mut archive, "tls", EntryType::Directory, &[])?;
    for (endpoint, files) in secrets {
        let dir = format!("tls/{endpoint}");
        add(&mut archive, &dir, EntryType::Directory, &[])?;
        for (name, content) in files {
            add(
                &mut archive,
                &format!("{dir}/{name}"),
                EntryType::Regular,
                content,
            )?;
        }
    }
    archive.into_inner()
}

fn add(
    archive: &mut Builder<Vec<u8>>,
    name: &str,
    kind: EntryType,
    content: &[u8],
) -> std::io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(match kind {
        EntryType::Directory => 0o700,
        _ if name == META => 0o644,
        _ => 0o600,
    });
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, name, content)
}

/// Reads an archive. Nothing of it is put anywhere: names that could lead elsewhere are refused here.
///
/// # Errors
/// What is wrong with which entry, in the real command's words where it has some.
pub fn unpack(bytes: &[u8]) -> Result<(Meta, Secrets), String> {
    if bytes.starts_with(ZIP) {
        return Err(
            "zip archives are not supported by this client yet; use a tar archive".to_owned(),
        );
    }
    let (mut meta, mut secrets) = (None, Secrets::new());
    let mut archive = Archive::new(bytes);
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| error.to_string())?;
        // As the real command does: links and the like are no files of a context.
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let size = entry.size();
        let wrong = |why: &str| format!("{name}: {why}");
        if size > MAX_FILE {
            return Err(wrong("read exceeds the defined limit"));
        }
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|error| wrong(&error.to_string()))?;
        if content.len() as u64 != size {
            return Err(wrong("unexpected EOF"));
        }
        if name == META {
            meta = Some(Meta::parse(&content).map_err(|why| wrong(&why))?);
            continue;
        }
        let below = name.strip_prefix("tls/");
        let below = below.ok_or_else(|| wrong("unexpected context file"))?;
        let (endpoint, file) = secret(below).ok_or_else(|| wrong("unexpected path format"))?;
        secrets.entry(endpoint).or_default().insert(file, content);
    }
    let meta = meta.ok_or("invalid context: no metadata found")?;
    Ok((meta, secrets))
}

/// The endpoint and the file that a path below `tls` names.
fn secret(path: &str) -> Option<(String, String)> {
    let (endpoint, file) = path.split_once('/')?;
    (is_name(endpoint) && is_name(file)).then(|| (endpoint.to_owned(), file.to_owned()))
}

/// Whether a name can only be that of an entry of a directory.
fn is_name(name: &str) -> bool {
    !["", ".", ".."].contains(&name) && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contexts::meta::Endpoint;

    const FILE: &[u8] =
        br#"{"Name":"zz","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///x"}}}"#;

    /// An archive with names as they are, which the library would not write.
    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in files {
            let mut header = Header::new_ustar();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_entry_type(EntryType::Regular);
            header.set_cksum();
            bytes.extend(header.as_bytes());
            bytes.extend(*content);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes
    }

    #[test]
    fn an_archive_is_what_was_packed() {
        let endpoint = Endpoint {
            host: "tcp://1.2.3.4:5".into(),
            skip_tls_verify: true,
        };
        let meta = Meta::new("some", "words", &endpoint);
        let files = BTreeMap::from([("ca.pem".to_owned(), b"secret".to_vec())]);
        let secrets = Secrets::from([("docker".to_owned(), files)]);
        let bytes = pack(&meta, &secrets).unwrap();
        assert_eq!(unpack(&bytes), Ok((meta, secrets)));
    }

    #[test]
    fn archives_that_lead_elsewhere_or_are_none_are_refused_with_the_entry() {
        let with = |name: &str| archive(&[("meta.json", FILE), (name, b"x")]);
        let big = vec![b' '; (10 << 20) + 1];
        for (bytes, why) in [
            (
                archive(&[("../meta.json", FILE)]),
                "../meta.json: unexpected context file",
            ),
            (
                archive(&[("./meta.json", FILE)]),
                "./meta.json: unexpected context file",
            ),
            (with("tls/../../x"), "tls/../../x: unexpected path format"),
            (
                with("tls/docker/../x"),
                "tls/docker/../x: unexpected path format",
            ),
            (with("tls/../x"), "tls/../x: unexpected path format"),
            (
                with("tls/docker/.."),
                "tls/docker/..: unexpected path format",
            ),
            (
                with("tls/docker/a/b"),
                "tls/docker/a/b: unexpected path format",
            ),
            (
                with("tls/docker//x"),
                "tls/docker//x: unexpected path format",
            ),
            (with("tls/foo"), "tls/foo: unexpected path format"),
            (
                with("/tls/docker/x"),
                "/tls/docker/x: unexpected context file",
            ),
            (with("foo"), "foo: unexpected context file"),
            (
                archive(&[("tls/docker/ca.pem", b"x")]),
                "invalid context: no metadata found",
            ),
            (Vec::new(), "invalid context: no metadata found"),
            (
                archive(&[("meta.json", b"{")]),
                "meta.json: EOF while parsing an object at line 1 column 1",
            ),
            (
                archive(&[("meta.json", &big)]),
                "meta.json: read exceeds the defined limit",
            ),
            (
                b"PK\x03\x04".to_vec(),
                "zip archives are not supported by this client yet; use a tar archive",
            ),
        ] {
            assert_eq!(unpack(&bytes).unwrap_err(), why);
        }
        let mut cut = with("tls/docker/x");
        cut.truncate(cut.len() - 512);
        assert_eq!(unpack(&cut).unwrap_err(), "tls/docker/x: unexpected EOF");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = unpack(&bytes);
        }

        #[test]
        fn a_damaged_archive_names_no_place_outside(at in 0usize..2048, byte: u8, name in "[a./]{1,12}") {
            let mut bytes = archive(&[("meta.json", FILE), (&format!("tls/{name}"), b"x")]);
            bytes[at] = byte;
            if let Ok((_, secrets)) = unpack(&bytes) {
                for (endpoint, files) in secrets {
                    assert!(is_name(&endpoint) && files.keys().all(|file| is_name(file)));
                }
            }
        }
    }
}
