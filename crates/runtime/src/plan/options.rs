//! Options of a mount as the specification and runc know them (config.md, "Linux mount options").

use super::PlanError;
use glassdock_abi::flags::{MountAttrFlags, MountFlags};

/// A mount's options, sorted by what they do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Options {
    /// Flags of the mount itself.
    pub flags: MountFlags,
    /// Changes of propagation, one call each.
    pub propagation: Vec<(String, MountFlags)>,
    /// Attributes of all mounts from there on down, given and taken away.
    pub recursive: (MountAttrFlags, MountAttrFlags),
    /// Whether owners are shown through maps, and if so whether on all mounts from there on down.
    pub mapped: Option<bool>,
    /// What the file system reads, joined by commas.
    pub data: String,
}

enum Effect {
    Set(MountFlags),
    Clear(MountFlags),
    Propagate(MountFlags),
    SetAll(MountAttrFlags),
    ClearAll(MountAttrFlags),
    Map(bool),
    Nothing,
    Refuse,
}

fn effect(option: &str) -> Option<Effect> {
    use Effect::*;
    use MountAttrFlags as A;
    use MountFlags as M;
    let rec = |flag: M| Propagate(flag | M::REC);
    Some(match option {
        "defaults" => Nothing,
        "async" => Clear(M::SYNCHRONOUS),
        "atime" => Clear(M::NOATIME),
        "bind" => Set(M::BIND),
        "rbind" => Set(M::BIND | M::REC),
        "dev" => Clear(M::NODEV),
        "diratime" => Clear(M::NODIRATIME),
        "dirsync" => Set(M::DIRSYNC),
        "exec" => Clear(M::NOEXEC),
        "iversion" => Set(M::from_bits_retain(1 << 23)),
        "noiversion" => Clear(M::from_bits_retain(1 << 23)),
        "lazytime" => Set(M::LAZYTIME),
        "nolazytime" => Clear(M::LAZYTIME),
        "loud" => Clear(M::SILENT),
        "mand" => Set(M::MANDLOCK),
        "nomand" => Clear(M::MANDLOCK),
        "noatime" => Set(M::NOATIME),
        "nodev" => Set(M::NODEV),
        "nodiratime" => Set(M::NODIRATIME),
        "noexec" => Set(M::NOEXEC),
        "norelatime" => Clear(M::RELATIME),
        "nostrictatime" => Clear(M::STRICTATIME),
        "nosuid" => Set(M::NOSUID),
        "nosymfollow" => Set(M::NOSYMFOLLOW),
        "relatime" => Set(M::RELATIME),
        "remount" => Set(M::REMOUNT),
        "ro" => Set(M::RDONLY),
        "rw" => Clear(M::RDONLY),
        "silent" => Set(M::SILENT),
        "strictatime" => Set(M::STRICTATIME),
        "suid" => Clear(M::NOSUID),
        "symfollow" => Clear(M::NOSYMFOLLOW),
        "sync" => Set(M::SYNCHRONOUS),
        "private" => Propagate(M::PRIVATE),
        "shared" => Propagate(M::SHARED),
        "slave" => Propagate(M::SLAVE),
        "unbindable" => Propagate(M::UNBINDABLE),
        "rprivate" => rec(M::PRIVATE),
        "rshared" => rec(M::SHARED),
        "rslave" => rec(M::SLAVE),
        "runbindable" => rec(M::UNBINDABLE),
        "idmap" => Map(false),
        "ridmap" => Map(true),
        "rro" => SetAll(A::RDONLY),
        "rrw" => ClearAll(A::RDONLY),
        "rnosuid" => SetAll(A::NOSUID),
        "rsuid" => ClearAll(A::NOSUID),
        "rnodev" => SetAll(A::NODEV),
        "rdev" => ClearAll(A::NODEV),
        "rnoexec" => SetAll(A::NOEXEC),
        "rexec" => ClearAll(A::NOEXEC),
        "rnodiratime" => SetAll(A::NODIRATIME),
        "rdiratime" => ClearAll(A::NODIRATIME),
        "rnosymfollow" => SetAll(A::NOSYMFOLLOW),
        "rsymfollow" => ClearAll(A::NOSYMFOLLOW),
        "rnoatime" => SetAll(A::NOATIME),
        "rstrictatime" => SetAll(A::STRICTATIME),
        // What is left without the other two.
        "rrelatime" | "ratime" | "rnorelatime" | "rnostrictatime" => ClearAll(A::ATIME),
        "tmpcopyup" => Refuse,
        _ => return None,
    })
}

/// Options that mean something to the runtime; all others are the file system's.
pub const MOUNT_OPTIONS: [&str; 61] = [
    "async",
    "atime",
    "bind",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "idmap",
    "iversion",
    "lazytime",
    "loud",
    "mand",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "private",
    "ratime",
    "rbind",
    "rdev",
    "rdiratime",
    "relatime",
    "remount",
    "rexec",
    "ridmap",
    "rnoatime",
    "rnodev",
    "rnodiratime",
    "rnoexec",
    "rnorelatime",
    "rnostrictatime",
    "rnosuid",
    "rnosymfollow",
    "ro",
    "rprivate",
    "rrelatime",
    "rro",
    "rrw",
    "rshared",
    "rslave",
    "rstrictatime",
    "rsuid",
    "rsymfollow",
    "runbindable",
    "rw",
    "shared",
    "silent",
    "slave",
    "strictatime",
    "suid",
    "symfollow",
    "sync",
    "unbindable",
];

/// The flag of a propagation's name, such as `rslave`.
pub(super) fn propagation(name: &str) -> Option<MountFlags> {
    match effect(name) {
        Some(Effect::Propagate(flags)) => Some(flags),
        _ => None,
    }
}

/// Sorts a mount's options; `field` names the mount.
pub(super) fn parse(options: &[String], field: &str) -> Result<Options, PlanError> {
    use MountAttrFlags as A;
    let mut parsed = Options::default();
    let mut data = Vec::new();
    for (index, option) in options.iter().enumerate() {
        let at = || format!("{field}.options[{index}]");
        if option.contains('\0') {
            return Err(PlanError::invalid(at(), "a NUL character is not allowed"));
        }
        match effect(option) {
            Some(Effect::Set(flags)) => parsed.flags |= flags,
            Some(Effect::Clear(flags)) => parsed.flags -= flags,
            Some(Effect::Propagate(flags)) => parsed.propagation.push((option.clone(), flags)),
            Some(Effect::SetAll(flags)) => {
                parsed.recursive.0 |= flags;
                // Access times are one number, which is cleared as a whole.
                if A::ATIME.contains(flags) {
                    parsed.recursive.1 |= A::ATIME;
                }
            }
            Some(Effect::ClearAll(flags)) => parsed.recursive.1 |= flags,
            Some(Effect::Map(recursive)) => parsed.mapped = Some(recursive),
            Some(Effect::Nothing) => {}
            Some(Effect::Refuse) => {
                return Err(PlanError::unsupported(at(), format!("{option:?}")));
            }
            None => data.push(option.as_str()),
        }
    }
    parsed.data = data.join(",");
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_that_is_told_means_something() {
        for option in MOUNT_OPTIONS {
            let known = effect(option).is_some_and(|effect| !matches!(effect, Effect::Refuse));
            assert!(known, "{option}");
        }
        assert!(MOUNT_OPTIONS.is_sorted());
    }
}
