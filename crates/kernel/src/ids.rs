//! Names of the kernel's objects, and the tables that hold them.
//!
//! Ids are given out in ascending order and never reused, so a stale one finds nothing instead of something else, and
//! every iteration has one order.

use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A thread (or, as the leader's, a process) as the machine's first pid namespace numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tid(pub i32);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u64);
        impl From<u64> for $name { fn from(id: u64) -> Self { $name(id) } }
        impl From<$name> for u64 { fn from(id: $name) -> u64 { id.0 } }
    )* };
}

ids! {
    /// An open file description.
    FileId,
    /// A table of descriptors.
    FdTableId,
    /// Root, working directory and umask.
    FsId,
    /// An address space.
    MmId,
    /// A table of signal handlers.
    SigHandId,
    /// An object behind descriptors that has no name in a file system: pipe, socket, eventfd, …; shown as an inode
    /// number.
    ObjId,
}

/// Objects by id.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    next: u64,
    map: BTreeMap<u64, V>,
    key: PhantomData<K>,
}

impl<K: Copy + From<u64> + Into<u64>, V> Table<K, V> {
    /// An empty table whose first id is `first`.
    pub(crate) fn new(first: u64) -> Self {
        Table {
            next: first,
            map: BTreeMap::new(),
            key: PhantomData,
        }
    }
    pub(crate) fn add(&mut self, value: V) -> K {
        let id = self.next;
        self.next += 1;
        self.map.insert(id, value);
        K::from(id)
    }
    pub(crate) fn get(&self, id: K) -> Option<&V> {
        self.map.get(&id.into())
    }
    pub(crate) fn get_mut(&mut self, id: K) -> Option<&mut V> {
        self.map.get_mut(&id.into())
    }
    pub(crate) fn remove(&mut self, id: K) -> Option<V> {
        self.map.remove(&id.into())
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.map.iter().map(|(id, value)| (K::from(*id), value))
    }
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
}

impl<K: Copy + From<u64> + Into<u64>, V> Table<K, V> {
    /// Puts back what was taken out under its id.
    pub(crate) fn put_back(&mut self, id: K, value: V) {
        self.map.insert(id.into(), value);
    }
}
