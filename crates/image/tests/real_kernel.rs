//! Archives on the real kernel. Needs root, for owners, devices and overlayfs' attributes; elsewhere these tests say
//! so and pass.

#![cfg(target_os = "linux")]

mod archives;

use archives::{Differences, archive, images, layers};
use bytes::Bytes;
use glassdock_abi::PathArg;
use glassdock_image::{fs, layer};
use glassdock_linux::Direct;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is removed when the test is over.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "glassdock-image-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    fn arg(&self) -> PathArg {
        PathArg::from(self.0.as_os_str().as_bytes())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        eprintln!("not root: nothing was tested");
    }
    root
}

fn agrees<F: Future<Output = Differences>>(suite: impl FnOnce(Direct, PathArg) -> F) {
    if !is_root() {
        return;
    }
    let (dir, sys) = (Dir::new(), Direct::new().unwrap());
    let differences = sys.block_on(suite(sys.clone(), dir.arg()));
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn a_layer_becomes_a_directory() {
    agrees(layers::unpacked);
}

#[test]
fn nothing_leaves_the_root() {
    agrees(layers::kept_inside);
}

#[test]
fn an_archive_of_images_is_loaded_or_refused_in_dockers_words() {
    agrees(images::loaded);
}

#[test]
fn an_opaque_mark_that_cannot_be_set_is_an_error() {
    if !is_root() {
        return;
    }
    let dir = Dir::new();
    let immutable = |flag: &str| {
        let mut chattr = std::process::Command::new("chattr");
        assert!(chattr.arg(flag).arg(&dir.0).status().unwrap().success());
    };
    let data = archive(&[(".wh..wh..opq", tar::EntryType::Regular, "", b"")]);
    immutable("+i");
    let sys = Direct::new().unwrap();
    let unpacked = sys.block_on(async {
        let root = fs::open_dir(&sys, &dir.arg()).await?;
        layer::unpack(&sys, root.fd(), Bytes::from(data)).await
    });
    immutable("-i");
    let error = unpacked.unwrap_err();
    assert_eq!(error.to_string(), "setxattr /: operation not permitted");
}
