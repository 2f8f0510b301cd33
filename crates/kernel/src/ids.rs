//! Names of the kernel's objects, and the tables that hold them.
//!
//! Ids are given out in ascending order and never reused, so a stale one finds nothing instead of something else, and
//! every iteration has one order.

use glassdock_vfs::{ById, Id};

/// A thread (or, as the leader's, a process) as the machine's first pid namespace numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tid(pub i32);

impl Id for Tid {
    /// Every thread has a positive number.
    fn number(self) -> u64 {
        u64::from(self.0.cast_unsigned())
    }
    fn from_number(number: u64) -> Self {
        Tid((number as u32).cast_signed())
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u64);
        impl Id for $name {
            fn number(self) -> u64 { self.0 }
            fn from_number(number: u64) -> Self { $name(number) }
        }
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
    map: ById<K, V>,
}

impl<K: Id, V> Table<K, V> {
    /// An empty table whose first id is `first`.
    pub(crate) fn new(first: u64) -> Self {
        Table {
            next: first,
            map: ById::new(),
        }
    }
    pub(crate) fn add(&mut self, value: V) -> K {
        let id = K::from_number(self.next);
        self.next += 1;
        self.map.insert(id, value);
        id
    }
    pub(crate) fn get(&self, id: K) -> Option<&V> {
        self.map.get(&id)
    }
    pub(crate) fn get_mut(&mut self, id: K) -> Option<&mut V> {
        self.map.get_mut(&id)
    }
    pub(crate) fn remove(&mut self, id: K) -> Option<V> {
        self.map.remove(&id)
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.map.iter()
    }
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
}

impl<K: Id, V> Table<K, V> {
    /// Puts back what was taken out under its id.
    pub(crate) fn put_back(&mut self, id: K, value: V) {
        self.map.insert(id, value);
    }
}
