//! Capabilities of a container (moby `oci/caps`).

use crate::error::{ApiError, Result};
use glassdock_abi::types::capability::full_names;

/// What a container has when nothing is said.
pub const DEFAULT: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// Lets its owner make device files.
pub const MKNOD: &str = "CAP_MKNOD";

/// Whether additions name a capability, or all.
pub fn asks_for(add: &[String], name: &str) -> bool {
    add.iter().any(|given| {
        let given = given.to_uppercase();
        given == "ALL" || given == name || name.strip_prefix("CAP_") == Some(&given)
    })
}

/// The capabilities that a request's additions and removals lead to; `privileged` means all.
///
/// # Errors
/// 400 for a name that Linux does not have; `ALL` is a name.
pub fn tweak(add: &[String], drop: &[String], privileged: bool) -> Result<Vec<String>> {
    let (add, drop) = (normalise(add, "CapAdd")?, normalise(drop, "CapDrop")?);
    let is_all = |names: &[String]| names.iter().any(|name| name == "ALL");
    if privileged {
        return Ok(full_names().collect());
    }
    let named = add.iter().filter(|name| *name != "ALL").cloned();
    if is_all(&drop) {
        return Ok(if is_all(&add) {
            full_names().collect()
        } else {
            named.collect()
        });
    }
    let mut result: Vec<String> = if is_all(&add) {
        full_names().collect()
    } else {
        DEFAULT.iter().map(|name| (*name).to_owned()).collect()
    };
    for name in named {
        if !result.contains(&name) {
            result.push(name);
        }
    }
    result.retain(|name| !drop.contains(name));
    Ok(result)
}

fn normalise(names: &[String], field: &str) -> Result<Vec<String>> {
    let one = |name: &String| {
        let upper = name.to_uppercase();
        let full = if upper == "ALL" || upper.starts_with("CAP_") {
            upper
        } else {
            format!("CAP_{upper}")
        };
        if full == "ALL" || full_names().any(|name| name == full) {
            return Ok(full);
        }
        Err(ApiError::invalid(format!(
            "invalid {field}: unknown capability: {full:?}"
        )))
    };
    names.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tweaked(add: &[&str], drop: &[&str]) -> Result<Vec<String>> {
        let own = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        };
        tweak(&own(add), &own(drop), false)
    }

    #[test]
    fn additions_and_removals_work_on_the_default_set() {
        assert_eq!(tweaked(&[], &[]).unwrap(), DEFAULT);
        assert!(
            tweaked(&["sys_admin"], &[])
                .unwrap()
                .contains(&"CAP_SYS_ADMIN".to_string())
        );
        assert!(
            !tweaked(&[], &["cap_kill"])
                .unwrap()
                .contains(&"CAP_KILL".to_string())
        );
        assert_eq!(
            tweaked(&["NET_ADMIN"], &["ALL"]).unwrap(),
            ["CAP_NET_ADMIN"]
        );
        assert_eq!(
            tweaked(&["ALL"], &["KILL"]).unwrap().len(),
            full_names().count() - 1
        );
        assert!(tweak(&[], &[], true).unwrap().into_iter().eq(full_names()));
        assert_eq!(
            tweaked(&["foo"], &[]).unwrap_err().message,
            "invalid CapAdd: unknown capability: \"CAP_FOO\""
        );
    }
}
