//! A file tree as plain data, and its tar archive: the same bytes for the same tree.

use std::collections::BTreeMap;

use anyhow::Result;
use tar::{Builder, EntryType, Header};

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory with its mode.
    Dir(u32),
    /// A file with its mode and content.
    File(u32, Vec<u8>),
    /// A symbolic link with its target.
    Link(String),
}

/// Entries by path without a leading slash; sorted, so that parents come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// Puts an entry at a path and makes its missing parents.
    pub fn put(&mut self, path: &str, node: Node) {
        let mut parent = path;
        while let Some((above, _)) = parent.rsplit_once('/') {
            self.0.entry(above.to_owned()).or_insert(Node::Dir(0o755));
            parent = above;
        }
        self.0.insert(path.to_owned(), node);
    }

    /// Puts a text file that everybody may read.
    pub fn text(&mut self, path: &str, content: &str) {
        self.put(path, Node::File(0o644, content.as_bytes().to_vec()));
    }

    /// Puts a directory.
    pub fn dir(&mut self, path: &str, mode: u32) {
        self.put(path, Node::Dir(mode));
    }

    /// The tree as an uncompressed tar archive, everything owned by root.
    ///
    /// # Errors
    /// A path or link that tar cannot hold.
    pub fn tar(&self, mtime: u64) -> Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        for (path, node) in &self.0 {
            let mut header = Header::new_gnu();
            header.set_mtime(mtime);
            header.set_uid(0);
            header.set_gid(0);
            header.set_username("root")?;
            header.set_groupname("root")?;
            match node {
                Node::Dir(mode) => {
                    header.set_entry_type(EntryType::Directory);
                    header.set_mode(*mode);
                    header.set_size(0);
                    builder.append_data(&mut header, format!("{path}/"), std::io::empty())?;
                }
                Node::File(mode, content) => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_mode(*mode);
                    header.set_size(content.len() as u64);
                    builder.append_data(&mut header, path, content.as_slice())?;
                }
                Node::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_mode(0o777);
                    header.set_size(0);
                    builder.append_link(&mut header, path, target)?;
                }
            }
        }
        Ok(builder.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_appear_before_their_entries_and_keep_their_own_mode() {
        let mut tree = Tree::default();
        tree.text("etc/init.d/rc", "#!/bin/sh\n");
        tree.dir("tmp", 0o1777);
        tree.put("tmp/link", Node::Link("../etc".into()));
        let archive = tree.tar(7).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let seen: Vec<(String, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                let header = entry.header();
                (path, header.mode().unwrap(), header.mtime().unwrap())
            })
            .collect();
        let expected = [
            ("etc/", 0o755),
            ("etc/init.d/", 0o755),
            ("etc/init.d/rc", 0o644),
            ("tmp/", 0o1777),
            ("tmp/link", 0o777),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(path, mode)| (path.to_owned(), mode, 7))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn the_same_tree_in_another_order_is_the_same_archive() {
        let mut one = Tree::default();
        one.text("a", "1");
        one.text("b", "2");
        let mut two = Tree::default();
        two.text("b", "2");
        two.text("a", "1");
        assert_eq!(one.tar(1).unwrap(), two.tar(1).unwrap());
    }
}
