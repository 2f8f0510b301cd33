//! The system-call filter (config-linux.md, "Seccomp").

use serde::{Deserialize, Serialize};

/// A filter.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// What happens to calls without a rule, such as `SCMP_ACT_ERRNO`.
    pub default_action: String,
    /// The errno of the default action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures, such as `SCMP_ARCH_X86_64`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Flags of `man 2 seccomp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Socket that receives notifications.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_path: String,
    /// What the listener is told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_metadata: String,
    /// The rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<SeccompRule>,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompRule {
    /// Names of system calls.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: String,
    /// The errno of the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions on the arguments, all of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<SeccompArg>,
}

/// A condition on an argument.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompArg {
    /// Index of the argument.
    pub index: u32,
    /// Value to compare with.
    pub value: u64,
    /// Second value, where the operator takes two.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub value_two: u64,
    /// Operator, such as `SCMP_CMP_EQ`.
    pub op: String,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}
