//! Images that come with the host: archives in a directory, loaded once each.

use super::restore::{MAX_FILE, names_in};
use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg};
use glassdock_api::stream::JsonMessage;
use glassdock_image::fs;
use glassdock_image::source::FdSource;
use std::collections::BTreeMap;

/// File of the engine's root: the archives that were loaded, by name, with what they looked like then.
const LOADED: &str = "preloaded.json";

/// By which a file is known to be the same: size in bytes, seconds of its last change.
type Stamp = (u64, i64);

impl<S: Kernel> Engine<S> {
    /// Loads the archives in a directory, in the order of their names, but those that were loaded before: whoever removed
    /// an image does not find it again after the next start. Gives what there is to say of each, errors included; one
    /// archive that is wrong keeps no other away.
    ///
    /// # Errors
    /// A directory that cannot be read; state that cannot be written.
    pub async fn preload(&self, dir: &PathArg) -> Result<Vec<String>> {
        let known = PathArg::from(self.shared.config.root.as_str()).join(LOADED);
        let mut loaded = read_known(self, &known).await?;
        let mut said = Vec::new();
        for name in names_in(&self.sys, dir).await? {
            let path = dir.join(&name);
            let flags = OpenFlags::RDONLY | OpenFlags::NONBLOCK;
            let opened = self.sys.openat(Fd::CWD, path.clone(), flags, 0).await;
            let file = opened.map_err(system(format_args!("open {path}")))?;
            let stamp = stamp(&file).await?;
            if loaded.get(&name) == Some(&stamp) {
                continue;
            }
            let mut tell = |message: JsonMessage| said.push(message.stream.trim().to_string());
            let source = FdSource::new(&self.sys, file.fd());
            if let Err(error) = self.load_images(source, &mut tell, true).await {
                said.push(format!("{path}: {error}"));
                continue;
            }
            loaded.insert(name, stamp);
            let text =
                serde_json::to_vec(&loaded).map_err(|error| ApiError::system(error.to_string()))?;
            fs::write_atomic(&self.sys, &known, &text, 0o600).await?;
        }
        Ok(said)
    }
}

async fn stamp<S: Kernel>(file: &OwnedFd<S>) -> Result<Stamp> {
    let stat = file.sys().fstat(file.fd()).await.map_err(system("stat"))?;
    Ok((stat.size, stat.mtime.sec))
}

/// What cannot be read counts as never loaded: loading again changes nothing but the name's image.
async fn read_known<S: Kernel>(
    engine: &Engine<S>,
    path: &PathArg,
) -> Result<BTreeMap<String, Stamp>> {
    match fs::read_file(&engine.sys, path, MAX_FILE).await {
        Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
        Err(glassdock_image::Error::Os {
            errno: Errno::ENOENT,
            ..
        }) => Ok(BTreeMap::new()),
        Err(error) => Err(error.into()),
    }
}
