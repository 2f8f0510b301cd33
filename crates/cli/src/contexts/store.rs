//! The contexts' files: `contexts/meta/ID/meta.json`, and secrets in `contexts/tls/ID/ENDPOINT/`. An id is the SHA-256
//! of the name.

use super::archive::Secrets;
use super::meta::{DEFAULT, Meta};
use crate::error::{Fail, Kind, Result};
use crate::session::{Session, failed};
use crate::text::quote;
use glassdock_abi::files::replace_shared_file;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::{Errno, Fd, Io, PathArg, Sys};
use glassdock_trace::Trace;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// `DT_DIR` of `man 3 readdir`.
const DIRECTORY: u8 = 4;

/// Where a context's files are.
pub struct Place {
    /// The folder of `meta.json`.
    pub meta: String,
    /// The folder of its secrets.
    pub tls: String,
}

/// Where a context's files are, or would be.
///
/// # Errors
/// Nothing says where contexts are.
pub fn place<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<Place> {
    let root = session.choice.folder()?;
    let mut id = String::new();
    for byte in Sha256::digest(name.as_bytes()) {
        let _ = write!(id, "{byte:02x}");
    }
    Ok(Place {
        meta: format!("{root}/contexts/meta/{id}"),
        tls: format!("{root}/contexts/tls/{id}"),
    })
}

/// A context.
///
/// # Errors
/// There is none of that name ([`Kind::NotFound`]), or its file is damaged.
pub async fn get<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<Meta> {
    if name == DEFAULT {
        return session.choice.default_meta();
    }
    let shown = quote(name);
    let wrong = |fail: Fail| match fail.kind {
        Kind::NotFound => Fail::new(format!(
            "context {shown}: context not found: {}",
            fail.message
        ))
        .of_kind(Kind::NotFound),
        _ => Fail::new(format!("context {shown}: {}", fail.message)),
    };
    read(session, &place(session, name)?.meta)
        .await
        .map_err(wrong)
}

async fn read<S: Sys + Trace>(session: &Session<S>, folder: &str) -> Result<Meta> {
    let path = format!("{folder}/meta.json");
    let bytes = session.read_file(&path).await?;
    Meta::parse(&bytes).map_err(|why| Fail::new(format!("parsing {path}: {why}")))
}

/// All contexts with files of their own.
///
/// # Errors
/// The folder cannot be read, or one of them is damaged.
pub async fn list<S: Sys + Trace>(session: &Session<S>) -> Result<Vec<Meta>> {
    let mut found = Vec::new();
    let Ok(root) = session.choice.folder() else {
        return Ok(found);
    };
    let folder = format!("{root}/contexts/meta");
    for (name, _) in entries(session, &folder).await? {
        let path = format!("{folder}/{name}");
        let file = PathArg::from(format!("{path}/meta.json"));
        // Other files may lie there, which are none of ours.
        if session
            .sys
            .statx(Fd::CWD, file, AtFlags::empty())
            .await
            .is_err()
        {
            continue;
        }
        let wrong = |fail: Fail| Fail::new(format!("failed to read metadata: {}", fail.message));
        found.push(read(session, &path).await.map_err(wrong)?);
    }
    Ok(found)
}

/// Whether a context's folder is there, be it damaged or not.
pub async fn exists<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<bool> {
    let path = PathArg::from(place(session, name)?.meta);
    Ok(session
        .sys
        .statx(Fd::CWD, path, AtFlags::empty())
        .await
        .is_ok())
}

/// Names and types of what is in a folder, sorted; one that is not there is empty.
async fn entries<S: Sys + Trace>(session: &Session<S>, folder: &str) -> Result<Vec<(String, u8)>> {
    let wrong = failed("open", folder);
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY;
    let opened = session.sys.openat(Fd::CWD, folder.into(), flags, 0).await;
    let open = match opened {
        Err(Errno::ENOENT) => return Ok(Vec::new()),
        opened => opened.map_err(wrong)?,
    };
    let mut found = Vec::new();
    loop {
        let some = session
            .sys
            .getdents64(open.fd())
            .await
            .map_err(failed("read", folder))?;
        if some.is_empty() {
            break;
        }
        // Nobody gives such files names that are no text.
        let named = some
            .into_iter()
            .filter_map(|entry| Some((String::from_utf8(entry.name).ok()?, entry.kind)));
        found.extend(named.filter(|(name, _)| ![".", ".."].contains(&name.as_str())));
    }
    found.sort_unstable();
    Ok(found)
}

/// The names of a context's secrets by endpoint.
///
/// # Errors
/// A folder cannot be read.
pub async fn secret_names<S: Sys + Trace>(
    session: &Session<S>,
    name: &str,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut found = BTreeMap::new();
    let Ok(place) = place(session, name) else {
        return Ok(found);
    };
    for (endpoint, kind) in entries(session, &place.tls).await? {
        if kind != DIRECTORY {
            continue;
        }
        let files = entries(session, &format!("{}/{endpoint}", place.tls)).await?;
        let files: Vec<_> = files
            .into_iter()
            .filter(|(_, kind)| *kind != DIRECTORY)
            .map(|(name, _)| name)
            .collect();
        if !files.is_empty() {
            found.insert(endpoint, files);
        }
    }
    Ok(found)
}

/// A context's secrets.
///
/// # Errors
/// A folder or a file cannot be read.
pub async fn secrets<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<Secrets> {
    let mut secrets = Secrets::new();
    if name == DEFAULT {
        return Ok(secrets);
    }
    let folder = place(session, name)?.tls;
    for (endpoint, files) in secret_names(session, name).await? {
        let of_endpoint = secrets.entry(endpoint.clone()).or_default();
        for file in files {
            let content = session
                .read_file(&format!("{folder}/{endpoint}/{file}"))
                .await?;
            of_endpoint.insert(file, content);
        }
    }
    Ok(secrets)
}

/// Makes a context. `meta.json` comes last, as with it the context is there; what was made before is taken back where
/// that fails.
///
/// # Errors
/// A file cannot be written.
pub async fn create<S: Sys + Trace>(
    session: &Session<S>,
    meta: &Meta,
    secrets: &Secrets,
) -> Result<()> {
    let made = async {
        let tls = place(session, &meta.name)?.tls;
        for (endpoint, files) in secrets {
            let folder = format!("{tls}/{endpoint}");
            make_folders(session, &folder, 0o700).await?;
            for (name, content) in files {
                write(session, &format!("{folder}/{name}"), content, 0o600).await?;
            }
        }
        put(session, meta).await
    }
    .await;
    if made.is_err() {
        let _ = remove(session, &meta.name).await;
    }
    made
}

/// Writes a context's file anew.
///
/// # Errors
/// It cannot be written; then it is as it was.
pub async fn put<S: Sys + Trace>(session: &Session<S>, meta: &Meta) -> Result<()> {
    let folder = place(session, &meta.name)?.meta;
    make_folders(session, &folder, 0o755).await?;
    let text = meta.to_json();
    write(
        session,
        &format!("{folder}/meta.json"),
        text.as_bytes(),
        0o644,
    )
    .await
}

async fn write<S: Sys + Trace>(
    session: &Session<S>,
    path: &str,
    content: &[u8],
    permissions: u32,
) -> Result<()> {
    let written = replace_shared_file(&session.sys, &path.into(), content, permissions).await;
    written.map_err(failed("write", path))
}

/// Makes a folder with those above it.
pub async fn make_folders<S: Sys + Trace>(
    session: &Session<S>,
    path: &str,
    permissions: u32,
) -> Result<()> {
    let ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()]);
    for folder in ends
        .map(|end| &path[..end])
        .filter(|folder| !folder.is_empty())
    {
        match session
            .sys
            .mkdirat(Fd::CWD, folder.into(), permissions)
            .await
        {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed("mkdir", folder)(errno)),
        }
    }
    Ok(())
}

/// Removes a context: its file first, as without it the context is gone. That it is not there is no error.
///
/// # Errors
/// Something cannot be removed.
pub async fn remove<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<()> {
    let place = place(session, name)?;
    clear(session, &place.meta).await?;
    for (endpoint, _) in entries(session, &place.tls).await? {
        clear(session, &format!("{}/{endpoint}", place.tls)).await?;
    }
    clear(session, &place.tls).await
}

/// Removes a context's secrets of one endpoint.
///
/// # Errors
/// Something cannot be removed.
pub async fn forget<S: Sys + Trace>(
    session: &Session<S>,
    name: &str,
    endpoint: &str,
) -> Result<()> {
    let tls = place(session, name)?.tls;
    clear(session, &format!("{tls}/{endpoint}")).await
}

/// Removes a folder and the files in it.
async fn clear<S: Sys + Trace>(session: &Session<S>, folder: &str) -> Result<()> {
    for (name, _) in entries(session, folder).await? {
        let path = format!("{folder}/{name}");
        let flags = AtFlags::empty();
        let removed = session.sys.unlinkat(Fd::CWD, (&path).into(), flags).await;
        removed.map_err(failed("remove", &path))?;
    }
    let flags = AtFlags::REMOVEDIR;
    match session.sys.unlinkat(Fd::CWD, folder.into(), flags).await {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(failed("remove", folder)(errno)),
    }
}
