//! Whether what is bound to share mounts with the host comes from a mount that does (moby `daemon/oci_linux.go`,
//! `ensureShared` and `ensureSharedOrSlave`): otherwise nothing would ever be shared, and nobody would be told.

use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result};
use crate::spec::mounts::{Bind, Mounts};
use glassdock_abi::flags::AtFlags;
use glassdock_abi::{Fd, Io};
use glassdock_runtime::mounts::{Mounted, mounts};

impl<S: Kernel> Engine<S> {
    /// Checks all that is to be bound; the sources are there.
    ///
    /// # Errors
    /// 500, as with moby, which looks at it no sooner than a container is started.
    pub(super) async fn check_propagation(&self, asked: &Mounts) -> Result<()> {
        let sharing = |bind: &&Bind| !bind.propagation.ends_with("private");
        if !asked.binds.iter().any(|bind| sharing(&bind)) {
            return Ok(());
        }
        let all = mounts(&self.sys).await;
        let all = all.map_err(system("read /proc/self/mountinfo"))?;
        for bind in asked.binds.iter().filter(sharing) {
            let source = &bind.source;
            let stat = self
                .sys
                .statx(Fd::CWD, source.into(), AtFlags::empty())
                .await
                .map_err(system(format_args!("stat {source}")))?;
            let on = all.iter().find(|mount| mount.id == stat.mnt_id);
            check(bind, on).map_err(ApiError::system)?;
        }
        Ok(())
    }
}

/// Checks one against the mount that its source is on.
fn check(bind: &Bind, on: Option<&Mounted>) -> Result<(), String> {
    let source = &bind.source;
    let Some(on) = on else {
        return Err(format!("Can't find mount point of {source}"));
    };
    let kinds = match bind.propagation.ends_with("slave") {
        _ if on.shared => return Ok(()),
        true if on.slave => return Ok(()),
        true => "shared or slave",
        false => "shared",
    };
    let point = &on.point;
    Err(format!(
        "path {source} is mounted on {point} but it is not a {kinds} mount"
    ))
}
