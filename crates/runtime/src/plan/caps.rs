//! Capabilities by name (`man 7 capabilities`).

use super::PlanError;
use glassdock_abi::types::capability::{NAMES, full_names};

/// Names of the capabilities that are known, as specifications have them.
pub fn capabilities() -> Vec<String> {
    full_names().collect()
}

/// The number of `CAP_name`.
pub(super) fn number(name: &str) -> Option<u32> {
    let short = name.strip_prefix("CAP_")?;
    NAMES
        .iter()
        .position(|known| *known == short)
        .and_then(|at| u32::try_from(at).ok())
}

/// The name of a capability's number.
pub(super) fn name(number: u32) -> String {
    match usize::try_from(number).ok().and_then(|at| NAMES.get(at)) {
        Some(name) => format!("CAP_{name}"),
        None => format!("capability {number}"),
    }
}

/// The bits of a list of names, cut to `bounding`.
pub(super) fn set(names: &[String], field: &str, bounding: u64) -> Result<u64, PlanError> {
    let mut bits = 0;
    for (index, name) in names.iter().enumerate() {
        let number = number(name).ok_or_else(|| {
            PlanError::invalid(
                format!("process.capabilities.{field}[{index}]"),
                format!("unknown capability {name:?}"),
            )
        })?;
        bits |= 1 << number;
    }
    Ok(bits & bounding)
}
