//! Listing an overlay's directory (`fs/overlayfs/readdir.c`).
//!
//! A position is a layer's place from the bottom up and the position in that layer. An entry is listed with the lowest
//! layer that has its name, so that neither a copy-up nor a removal during a listing moves it.

use super::IMPURE;
use crate::{Cx, DentryId, NodeEntry, Vfs};
use glassdock_abi::Result;
use glassdock_abi::types::mode::*;
use std::collections::BTreeMap;

/// Bits of a position within a layer.
const LAYER_SHIFT: u32 = 48;

impl Vfs {
    pub(crate) fn ovl_readdir(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        after: u64,
    ) -> Result<Vec<NodeEntry>> {
        let node = self.ovl_node(dir)?.clone();
        let mut layers: Vec<DentryId> = node.reals().collect();
        layers.reverse();
        let impure = node
            .upper
            .is_some_and(|upper| self.fs_get_xattr(upper, IMPURE).is_ok());
        let shown = self.merge_names(cx, &layers)?;
        let start = after >> LAYER_SHIFT;
        let mut entries = Vec::new();
        for (place, &layer) in layers.iter().enumerate().skip(start as usize) {
            let place = place as u64;
            let from = if place == start {
                after & ((1 << LAYER_SHIFT) - 1)
            } else {
                0
            };
            for entry in self.fs_readdir(cx, layer, from)? {
                let Some(merged) = shown
                    .get(&entry.name)
                    .filter(|merged| merged.bottom == place)
                else {
                    continue;
                };
                let Some((ino, kind)) = merged.top else {
                    continue;
                };
                let cookie = place << LAYER_SHIFT | entry.cookie;
                entries.push(NodeEntry {
                    name: entry.name,
                    ino,
                    kind,
                    cookie,
                });
            }
        }
        if impure {
            for entry in &mut entries {
                if let Some(found) = self.fs_find(cx, dir, &entry.name)? {
                    entry.ino = self.fs_attr(cx, found)?.ino;
                }
            }
        }
        Ok(entries)
    }

    /// What each name is in the topmost layer that has it, and the lowest one that has it.
    fn merge_names(
        &mut self,
        cx: &mut Cx,
        layers: &[DentryId],
    ) -> Result<BTreeMap<Vec<u8>, Merged>> {
        let mut names: BTreeMap<Vec<u8>, Merged> = BTreeMap::new();
        for (place, &layer) in layers.iter().enumerate() {
            for entry in self.fs_readdir(cx, layer, 0)? {
                let whiteout = entry.kind == S_IFCHR && {
                    let found = self.fs_lookup(cx, layer, &entry.name)?;
                    self.fs_attr(cx, found)?.is_whiteout()
                };
                let bottom = Merged {
                    bottom: place as u64,
                    top: None,
                };
                let merged = names.entry(entry.name).or_insert(bottom);
                merged.top = (!whiteout).then_some((entry.ino, entry.kind));
            }
        }
        Ok(names)
    }
}

struct Merged {
    /// Place of the lowest layer that has the name.
    bottom: u64,
    /// Number and type in the topmost layer; `None` for a whiteout.
    top: Option<(u64, u32)>,
}
