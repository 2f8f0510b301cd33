//! What `/proc/PID/mountinfo` and `/proc/PID/mounts` show (`man 5 proc_pid_mountinfo`).

use crate::store::{Fs, Superblock};
use crate::{MountId, MountNsId, Path, Vfs};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::types::Dev;

/// One line of `/proc/PID/mountinfo` as data. Paths are raw; escaping is in [`MountInfo::mountinfo_line`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MountInfo {
    /// Mount.
    pub id: MountId,
    /// Mount that it is mounted on; itself at the top.
    pub parent: MountId,
    /// `st_dev` of its files.
    pub dev: Dev,
    /// The directory of the file system that is its root.
    pub root: Vec<u8>,
    /// The mount point, as seen from the reader's root.
    pub point: Vec<u8>,
    /// Per-mount options, such as `rw,nosuid,relatime`.
    pub options: Vec<u8>,
    /// `shared:N`, `master:N`, `propagate_from:N`, `unbindable`, separated by spaces.
    pub optional: Vec<u8>,
    /// Type of the file system.
    pub fstype: Vec<u8>,
    /// Source.
    pub source: Vec<u8>,
    /// Options of the superblock.
    pub super_options: Vec<u8>,
}

/// `mangle_path`: what would break the line as `\ooo`.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => out.extend(format!("\\{byte:03o}").into_bytes()),
            _ => out.push(byte),
        }
    }
}

impl MountInfo {
    /// The line of `/proc/PID/mountinfo`, with its newline; space, tab, newline, backslash and `#` as `\ooo`.
    pub fn mountinfo_line(&self) -> Vec<u8> {
        let (major, minor) = (self.dev.major(), self.dev.minor());
        let mut line = format!("{} {} {major}:{minor} ", self.id.0, self.parent.0).into_bytes();
        escape(&mut line, &self.root);
        line.push(b' ');
        escape(&mut line, &self.point);
        line.push(b' ');
        line.extend_from_slice(&self.options);
        if !self.optional.is_empty() {
            line.push(b' ');
            line.extend_from_slice(&self.optional);
        }
        line.extend_from_slice(b" - ");
        escape(&mut line, &self.fstype);
        line.push(b' ');
        escape(&mut line, &self.source);
        line.push(b' ');
        line.extend_from_slice(&self.super_options);
        line.push(b'\n');
        line
    }

    /// The line of `/proc/PID/mounts`, with its newline.
    pub fn mounts_line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        escape(&mut line, &self.source);
        line.push(b' ');
        escape(&mut line, &self.point);
        line.push(b' ');
        escape(&mut line, &self.fstype);
        line.push(b' ');
        // Options of the superblock first, then those of the mount; read-only if either is.
        let readonly = self.options.starts_with(b"ro") || self.super_options.starts_with(b"ro");
        line.extend_from_slice(if readonly { b"ro" } else { b"rw" });
        let mount = self.options.get(2..).unwrap_or_default();
        let sb = self.super_options.get(2..).unwrap_or_default();
        line.extend_from_slice(mount);
        line.extend_from_slice(sb);
        line.extend_from_slice(b" 0 0\n");
        line
    }
}

/// Per-mount options, in the order of `show_mnt_opts`.
pub(crate) fn mount_options(flags: MountFlags) -> Vec<u8> {
    let mut text: Vec<u8> = if flags.contains(MountFlags::RDONLY) {
        b"ro".to_vec()
    } else {
        b"rw".to_vec()
    };
    let table = [
        (MountFlags::NOSUID, ",nosuid"),
        (MountFlags::NODEV, ",nodev"),
        (MountFlags::NOEXEC, ",noexec"),
        (MountFlags::NOATIME, ",noatime"),
        (MountFlags::NODIRATIME, ",nodiratime"),
        (MountFlags::RELATIME, ",relatime"),
        (MountFlags::NOSYMFOLLOW, ",nosymfollow"),
    ];
    for (_, name) in table.iter().filter(|(flag, _)| flags.contains(*flag)) {
        text.extend_from_slice(name.as_bytes());
    }
    text
}

/// Options of a superblock.
pub(crate) fn super_options(sb: &Superblock) -> Vec<u8> {
    let mut text: Vec<u8> = if sb.readonly {
        b"ro".to_vec()
    } else {
        b"rw".to_vec()
    };
    match &sb.fs {
        Fs::Tmp(tmp) => text.extend_from_slice(&tmp.shown),
        Fs::Overlay(overlay) => text.extend_from_slice(&overlay.shown),
        Fs::Synthetic { options, .. } if !options.is_empty() => {
            text.push(b',');
            text.extend_from_slice(options);
        }
        Fs::Synthetic { .. } => {}
    }
    text
}

impl Vfs {
    /// Mounts of a namespace that can be seen from a root, in the order of `/proc/PID/mountinfo`.
    pub fn mounts(&self, ns: MountNsId, root: Path) -> Vec<MountInfo> {
        let Some(ns) = self.namespaces.get(&ns) else {
            return Vec::new();
        };
        ns.mounts
            .iter()
            .filter_map(|&id| self.mount_info(id, root))
            .collect()
    }

    fn mount_info(&self, id: MountId, root: Path) -> Option<MountInfo> {
        let mount = self.mounts.get(&id)?;
        let sb = self.sbs.get(&mount.sb)?;
        let (point, reached) = self.path_from(
            root,
            Path {
                mount: id,
                dentry: mount.root,
            },
        );
        if !reached {
            return None;
        }
        Some(MountInfo {
            id,
            parent: mount.parent.map_or(id, |(parent, _)| parent),
            dev: sb.dev,
            root: self.dentry_path(mount.root),
            point,
            options: mount_options(mount.flags),
            optional: self.optional_fields(id, Some(root)),
            fstype: sb.fstype.clone(),
            source: if mount.source.is_empty() {
                b"none".to_vec()
            } else {
                mount.source.clone()
            },
            super_options: super_options(sb),
        })
    }

    /// The propagation of a mount in words; with a root, also what the closest visible master is.
    pub(crate) fn optional_fields(&self, id: MountId, root: Option<Path>) -> Vec<u8> {
        let Some(mount) = self.mounts.get(&id) else {
            return Vec::new();
        };
        let mut fields = Vec::new();
        if let Some(group) = mount.group {
            fields.push(format!("shared:{}", group.0));
        }
        if let Some(master) = mount.master {
            fields.push(format!("master:{}", master.0));
            let visible = root.and_then(|root| self.dominating_group(id, root));
            fields.extend(
                visible
                    .filter(|&group| group != master)
                    .map(|group| format!("propagate_from:{}", group.0)),
            );
        }
        if mount.unbindable {
            fields.push("unbindable".into());
        }
        fields.join(" ").into_bytes()
    }
}
