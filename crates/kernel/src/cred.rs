//! Credentials of a thread (`man 7 credentials`, `man 7 capabilities`).

use crate::seccomp::Seccomp;
use glassdock_abi::types::CapSets;
use glassdock_vfs as vfs;
use std::sync::Arc;

/// The last capability there is (`/proc/sys/kernel/cap_last_cap`).
pub(crate) const CAP_LAST: u32 = 40;
/// Every capability.
pub(crate) const CAP_ALL: u64 = (1 << (CAP_LAST + 1)) - 1;

/// Numbers of the capabilities that the kernel asks for.
#[allow(missing_docs, reason = "the names are the manual page's")]
pub(crate) mod cap {
    pub const DAC_READ_SEARCH: u32 = 2;
    pub const KILL: u32 = 5;
    pub const SETGID: u32 = 6;
    pub const SETUID: u32 = 7;
    pub const SETPCAP: u32 = 8;
    pub const NET_ADMIN: u32 = 12;
    pub const SYS_RAWIO: u32 = 17;
    pub const SYS_CHROOT: u32 = 18;
    pub const SYS_PTRACE: u32 = 19;
    pub const SYS_ADMIN: u32 = 21;
    pub const SYS_BOOT: u32 = 22;
    pub const SYS_NICE: u32 = 23;
    pub const SYS_RESOURCE: u32 = 24;
    pub const SYS_TIME: u32 = 25;
    pub const SETFCAP: u32 = 31;
}

/// Bits of `PR_SET_SECUREBITS`.
pub(crate) const SECBIT_NOROOT: u32 = 1;
pub(crate) const SECBIT_NO_SETUID_FIXUP: u32 = 4;
pub(crate) const SECBIT_KEEP_CAPS: u32 = 16;

/// Who a thread is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cred {
    pub(crate) ruid: u32,
    pub(crate) euid: u32,
    pub(crate) suid: u32,
    pub(crate) fsuid: u32,
    pub(crate) rgid: u32,
    pub(crate) egid: u32,
    pub(crate) sgid: u32,
    pub(crate) fsgid: u32,
    pub(crate) groups: Arc<[u32]>,
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
    pub(crate) bounding: u64,
    pub(crate) ambient: u64,
    pub(crate) securebits: u32,
    pub(crate) no_new_privs: bool,
    pub(crate) seccomp: Seccomp,
    /// The user namespace's maps; absent in the first one.
    pub(crate) user: Option<Arc<vfs::UserNs>>,
}

impl Cred {
    /// The first process: root with every capability.
    pub(crate) fn init() -> Cred {
        Cred {
            ruid: 0,
            euid: 0,
            suid: 0,
            fsuid: 0,
            rgid: 0,
            egid: 0,
            sgid: 0,
            fsgid: 0,
            groups: Arc::default(),
            effective: CAP_ALL,
            permitted: CAP_ALL,
            inheritable: 0,
            bounding: CAP_ALL,
            ambient: 0,
            securebits: 0,
            no_new_privs: false,
            seccomp: Seccomp::Disabled,
            user: None,
        }
    }

    pub(crate) fn has(&self, cap: u32) -> bool {
        cap <= CAP_LAST && self.effective & (1 << cap) != 0
    }

    /// Whether a capability counts over the whole machine.
    pub(crate) fn has_on_machine(&self, cap: u32) -> bool {
        self.user.is_none() && self.has(cap)
    }

    pub(crate) fn caps(&self) -> CapSets {
        CapSets {
            effective: self.effective,
            permitted: self.permitted,
            inheritable: self.inheritable,
        }
    }

    /// What a file system needs to know of them.
    pub(crate) fn for_files(&self) -> vfs::Cred {
        vfs::Cred {
            fsuid: self.fsuid,
            fsgid: self.fsgid,
            groups: self.groups.clone(),
            caps: self.effective,
            user: self.user.clone(),
        }
    }

    /// The same with the real ids, as `access` asks: capabilities only where the real user is root.
    pub(crate) fn for_access(&self) -> vfs::Cred {
        vfs::Cred {
            fsuid: self.ruid,
            fsgid: self.rgid,
            groups: self.groups.clone(),
            caps: if self.securebits & SECBIT_NO_SETUID_FIXUP != 0 {
                self.effective
            } else if Some(self.ruid) == self.root() {
                self.permitted
            } else {
                0
            },
            user: self.user.clone(),
        }
    }

    /// What changes of user ids do to capabilities (`man 7 capabilities`, "Effect of user ID changes").
    pub(crate) fn fix_caps_after_uid_change(&mut self, old: &Cred) {
        if self.securebits & SECBIT_NO_SETUID_FIXUP != 0 {
            return;
        }
        let is_root = |id: u32| Some(id) == old.root();
        let had_root = [old.ruid, old.euid, old.suid].into_iter().any(is_root);
        let has_root = [self.ruid, self.euid, self.suid].into_iter().any(is_root);
        if had_root && !has_root {
            if self.securebits & SECBIT_KEEP_CAPS == 0 {
                self.permitted = 0;
                self.effective = 0;
            }
            self.ambient = 0;
        }
        if is_root(old.euid) && !is_root(self.euid) {
            self.effective = 0;
        }
        if !is_root(old.euid) && is_root(self.euid) {
            self.effective = self.permitted;
        }
    }

    /// What `execve` of a file without capabilities makes of them; `owner` and `group` are the ids that set-id bits
    /// give. Returns whether the program runs with more than its caller had (`AT_SECURE`).
    pub(crate) fn exec(&mut self, owner: Option<u32>, group: Option<u32>) -> bool {
        let old = self.clone();
        if let Some(uid) = owner {
            self.euid = uid;
        }
        if let Some(gid) = group {
            self.egid = gid;
        }
        let setid = self.euid != old.euid || self.egid != old.egid;
        self.suid = self.euid;
        self.fsuid = self.euid;
        self.sgid = self.egid;
        self.fsgid = self.egid;
        if setid {
            self.ambient = 0;
        }
        let is_root = |id: u32| Some(id) == old.root();
        let root =
            self.securebits & SECBIT_NOROOT == 0 && (is_root(self.ruid) || is_root(self.euid));
        if root {
            self.permitted = self.inheritable | self.bounding;
            self.effective = if is_root(self.euid) {
                self.permitted
            } else {
                self.ambient
            };
        } else {
            self.permitted = self.ambient;
            self.effective = self.ambient;
        }
        self.securebits &= !SECBIT_KEEP_CAPS;
        setid
    }
}
