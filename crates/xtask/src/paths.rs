//! Where things are: the workspace, and the cache that outlives `cargo clean`.

use std::path::{Path, PathBuf};

/// The workspace's root folder, known from where this crate was compiled.
///
/// Falls back to the current folder when the checkout was moved after compiling.
pub fn root() -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    match compiled.ancestors().nth(2) {
        Some(root) if root.join("Cargo.toml").is_file() => root.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Tools that are slow to build live here, keyed by version, shared by all checkouts.
///
/// `GLASSDOCK_CACHE`, else `XDG_CACHE_HOME/glassdock`, else `~/.cache/glassdock`.
pub fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = set("GLASSDOCK_CACHE") {
        return PathBuf::from(path);
    }
    if let Some(path) = set("XDG_CACHE_HOME") {
        return PathBuf::from(path).join("glassdock");
    }
    match set("HOME") {
        Some(home) => PathBuf::from(home).join(".cache/glassdock"),
        None => root().join(".cache"),
    }
}

/// The built site.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// Files the page serves that a tool makes; ignored by git, copied to `dist/` by trunk.
pub fn generated() -> PathBuf {
    root().join("www/generated")
}

/// Where a program of this name is found on PATH, or where an administrator's PATH leads.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
