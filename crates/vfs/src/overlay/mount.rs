//! Making an overlay (`ovl_fill_super`).

use super::options::{Options, Uuid, escape};
use super::{IMPURE, Layer, OverlayFs, OverlayNode, UUID};
use crate::fsops::New;
use crate::store::{Attr, Body, Fs, Inode};
use crate::{At, Cx, DentryId, Lookup, Path, SbId, Vfs};
use glassdock_abi::types::{Dev, mode::*};
use glassdock_abi::{Errno, Result};
use std::collections::BTreeMap;

/// Most overlays on top of each other (`FILESYSTEM_MAX_STACK_DEPTH`).
const DEPTH_MAX: u32 = 2;

impl Vfs {
    fn layer_dir(&mut self, cx: &mut Cx, path: &[u8]) -> Result<Path> {
        let found = self.walk_all(cx, At::Cwd, path, Lookup::FOLLOW)?;
        if !self.is_dir(found.dentry) {
            return Err(Errno::EINVAL);
        }
        Ok(found)
    }

    /// A superblock for an overlay.
    pub(crate) fn new_overlay(&mut self, cx: &mut Cx, data: &[u8], readonly: bool) -> Result<SbId> {
        let options = Options::parse(data)?;
        let mut lowers = Vec::new();
        for path in &options.lowers {
            lowers.push(self.layer_dir(cx, path)?);
        }
        let mut upper = None;
        if let (Some(path), Some(work)) = (&options.upper, &options.work) {
            let (found, work) = (self.layer_dir(cx, path)?, self.layer_dir(cx, work)?);
            self.check_upper(found, work)?;
            upper = Some((found, work));
        }
        let roots: Vec<DentryId> = upper
            .iter()
            .flat_map(|(upper, work)| [upper.dentry, work.dentry])
            .chain(lowers.iter().map(|lower| lower.dentry))
            .collect();
        self.check_overlap(&roots)?;
        let work = match upper {
            Some((_, work)) => Some(self.make_work(cx, work)?),
            None => None,
        };
        let layer = |vfs: &Vfs, path: Path| {
            vfs.sb_of(path.dentry).map(|sb| Layer {
                root: path.dentry,
                sb,
            })
        };
        let upper = upper.map(|(upper, _)| layer(self, upper)).transpose()?;
        if let Some(upper) = upper {
            self.number_upper(cx, upper.root, options.uuid)?;
        }
        let lowers = lowers
            .into_iter()
            .map(|lower| layer(self, lower))
            .collect::<Result<Vec<_>>>()?;
        let readonly = readonly || upper.is_none();
        self.finish_overlay(cx, &options, upper, work, lowers, readonly)
    }

    /// Upper and work must be apart, on one writable mount of a file system that can hold whiteouts.
    fn check_upper(&self, upper: Path, work: Path) -> Result<()> {
        let apart =
            !self.is_below(upper.dentry, work.dentry) && !self.is_below(work.dentry, upper.dentry);
        let sb = self.mnt(upper.mount)?.sb;
        if upper.mount != work.mount
            || !apart
            || !self.is_tmp(sb)
            || self.want_write(upper.mount).is_err()
        {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    /// `ovl_check_overlapping_layers`: no layer may be another one, or inside another one: `ELOOP`.
    fn check_overlap(&self, roots: &[DentryId]) -> Result<()> {
        for (i, root) in roots.iter().enumerate() {
            let others = roots.iter().enumerate().filter(|(j, _)| *j != i);
            if others
                .into_iter()
                .any(|(_, other)| self.is_below(*root, *other))
            {
                return Err(Errno::ELOOP);
            }
        }
        Ok(())
    }

    /// The directory `work` in the work directory, emptied (`ovl_workdir_create`).
    fn make_work(&mut self, cx: &mut Cx, work: Path) -> Result<DentryId> {
        if let Some(old) = self.fs_find(cx, work.dentry, b"work")? {
            self.remove_all(cx, old)?;
        }
        let new = New {
            mode: S_IFDIR,
            ..New::default()
        };
        self.fs_create(cx, work.dentry, b"work", &new)
    }

    /// Gives the upper directory a number, where it has none and is to have one (`ovl_init_uuid_xattr`).
    fn number_upper(&mut self, cx: &mut Cx, upper: DentryId, wanted: Uuid) -> Result<()> {
        let new = match wanted {
            Uuid::Off => false,
            Uuid::Auto => self.fs_get_xattr(upper, IMPURE).is_err(),
            Uuid::On => true,
        };
        if new && self.fs_get_xattr(upper, UUID).is_err() {
            let uuid = cx.dynamic.uuid();
            self.fs_set_xattr(cx, upper, UUID, Some(&uuid))?;
        }
        Ok(())
    }

    /// Removes a file or tree of a tmpfs.
    pub(super) fn remove_all(&mut self, cx: &mut Cx, top: DentryId) -> Result<()> {
        let mut order = vec![top];
        let mut at = 0;
        while let Some(&id) = order.get(at) {
            order.extend(self.dentry(id)?.children.values());
            at += 1;
        }
        for id in order.into_iter().rev() {
            if self.is_dir(id) {
                self.fs_rmdir(cx, id)?;
            } else {
                self.fs_unlink(cx, id)?;
            }
        }
        Ok(())
    }

    fn depth_of(&self, sb: SbId) -> u32 {
        match self.sbs.get(&sb).map(|sb| &sb.fs) {
            Some(Fs::Overlay(overlay)) => overlay.depth,
            _ => 0,
        }
    }

    fn finish_overlay(
        &mut self,
        cx: &mut Cx,
        options: &Options,
        upper: Option<Layer>,
        work: Option<DentryId>,
        lowers: Vec<Layer>,
        readonly: bool,
    ) -> Result<SbId> {
        let layers: Vec<Layer> = upper.iter().chain(&lowers).copied().collect();
        let depth = 1 + layers
            .iter()
            .map(|layer| self.depth_of(layer.sb))
            .max()
            .unwrap_or(0);
        // An overlay of one layer would only be a bind mount.
        if depth > DEPTH_MAX || layers.len() < 2 {
            return Err(Errno::EINVAL);
        }
        let mut devs = BTreeMap::new();
        if layers
            .iter()
            .any(|layer| layers.first().is_some_and(|first| first.sb != layer.sb))
        {
            for layer in &layers {
                devs.entry(layer.sb).or_insert_with(|| {
                    self.next_dev += 1;
                    Dev::new(0, self.next_dev)
                });
            }
        }
        for layer in &layers {
            self.get_sb(layer.sb);
            self.get_dentry(layer.root);
        }
        if let Some(work) = work {
            self.get_dentry(work);
        }
        let node = OverlayNode {
            upper: upper.map(|layer| layer.root),
            lowers: lowers.iter().map(|layer| layer.root).collect(),
            origin: None,
        };
        for real in node.reals() {
            self.get_dentry(real);
        }
        let overlay = OverlayFs {
            upper,
            work,
            lowers,
            by_real: BTreeMap::new(),
            real_of: BTreeMap::new(),
            devs,
            next_temp: 0,
            whiteout: None,
            lone_whiteouts: false,
            depth,
            shown: shown(options),
        };
        let real = node.real().ok_or(Errno::EINVAL)?;
        let attr: Attr = self.fs_attr(cx, real)?;
        let sb = self.new_sb_id();
        let root = Inode::new(sb, attr.ino, attr.mode, Body::Overlay(node));
        Ok(self.add_sb(
            b"overlay",
            super::OVERLAY_MAGIC,
            readonly,
            Fs::Overlay(Box::new(overlay)),
            root,
        ))
    }
}

/// As `/proc/PID/mountinfo` shows them (`ovl_show_options`).
fn shown(options: &Options) -> Vec<u8> {
    let lowers: Vec<Vec<u8>> = options
        .lowers
        .iter()
        .map(|path| escape(path, b":,"))
        .collect();
    let mut text = [b",lowerdir=".as_slice(), &lowers.join(&b':')].concat();
    if let (Some(upper), Some(work)) = (&options.upper, &options.work) {
        text.extend_from_slice(b",upperdir=");
        text.extend(escape(upper, b","));
        text.extend_from_slice(b",workdir=");
        text.extend(escape(work, b","));
    }
    text
}
