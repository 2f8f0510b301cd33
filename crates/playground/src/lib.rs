//! Machines in a box, and what a learner sees of them.
//!
//! [`protocol`] is the door: the messages between a machine and whoever watches it, the same for the page's Worker, a
//! native daemon and Node. `host` puts a machine together and switches it on; `machine` runs it for a watcher. [`log`] is
//! what makes it repeatable: its input. [`viewer`] is the model behind the interface: it folds a machine's events and
//! answers what is to be seen at a moment, and knows no DOM.

#[cfg(feature = "machine")]
pub mod host;
pub mod log;
#[cfg(feature = "machine")]
pub mod machine;
pub mod protocol;
#[cfg(feature = "outside")]
pub mod relay;
#[cfg(feature = "testing")]
pub mod testing;
pub mod viewer;
