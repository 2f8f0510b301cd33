//! Listing an overlay's directory (`fs/overlayfs/readdir.c`).
//!
//! The lowest layer's names come first, then those that it has not, from the topmost layer down. A position is a layer's
//! place in this order and the position in that layer.

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
        layers.rotate_right(1);
        let impure = node
            .upper
            .is_some_and(|upper| self.fs_get_xattr(upper, IMPURE).is_ok());
        let shown = self.merge_names(cx, &layers, layers.len() > 1)?;
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
                    .filter(|merged| merged.place == place)
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

    /// Whether a directory shows no entry. One of the upper layer alone is looked at as it is.
    pub(super) fn ovl_is_empty(&mut self, cx: &mut Cx, dir: DentryId) -> Result<bool> {
        let node = self.ovl_node(dir)?.clone();
        let mut layers: Vec<DentryId> = node.reals().collect();
        layers.rotate_right(1);
        let names = self.merge_names(cx, &layers, !node.lowers.is_empty())?;
        Ok(names.values().all(|merged| merged.top.is_none()))
    }

    /// Of layers with the lowest one first and the others from the top down:
    /// what each name is in the topmost layer that has it, and the first one to list it. `hide` takes whiteouts for what
    /// they mean, which a directory of one layer alone does not: it is shown as it is.
    fn merge_names(
        &mut self,
        cx: &mut Cx,
        layers: &[DentryId],
        hide: bool,
    ) -> Result<BTreeMap<Vec<u8>, Merged>> {
        let mut names: BTreeMap<Vec<u8>, Merged> = BTreeMap::new();
        // From the bottom up: the last place is above the first one.
        let order = (0..1).chain((1..layers.len()).rev());
        for (place, layer) in order.filter_map(|at| Some((at, *layers.get(at)?))) {
            for entry in self.fs_readdir(cx, layer, 0)? {
                let whiteout = hide && entry.kind == S_IFCHR && {
                    let found = self.fs_lookup(cx, layer, &entry.name)?;
                    self.fs_attr(cx, found)?.is_whiteout()
                };
                let first = Merged {
                    place: 0,
                    top: None,
                };
                let new = !names.contains_key(&entry.name);
                let merged = names.entry(entry.name).or_insert(first);
                if new || merged.place > 0 {
                    merged.place = place as u64;
                }
                merged.top = (!whiteout).then_some((entry.ino, entry.kind));
            }
        }
        Ok(names)
    }
}

struct Merged {
    /// Place of the layer that lists the name.
    place: u64,
    /// Number and type in the topmost layer; `None` for a whiteout.
    top: Option<(u64, u32)>,
}
