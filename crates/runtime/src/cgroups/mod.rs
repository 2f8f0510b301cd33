//! Control groups on a host as it is: version 1, version 2, or both at once.
//!
//! - [`layout`]: which hierarchies are mounted, and where a container's groups are in them;
//! - [`settings`]: the limits of a specification as files and their contents;
//! - [`control`]: what is done with the groups of a container that exists: freeze, thaw, change limits, remove;
//! - [`usage`]: what a container uses.
//!
//! Making the groups and entering them are steps of the plan (`plan::cgroups`).

mod control;
mod devices;
mod layout;
mod settings;
mod usage;

pub(crate) use control::{RECORD, read_record, remove, write_record};
pub use control::{apply, freeze, is_frozen, out_of_memory_kills, processes, thaw};
pub(crate) use devices::device_settings;
pub use layout::{Group, Hierarchy, controllers, hierarchies};
pub(crate) use layout::{nearest_cpuset, place};
pub(crate) use settings::Setting;
pub use settings::settings;
pub use usage::{BlockUsage, CpuUsage, MemoryUsage, Usage, usage};
