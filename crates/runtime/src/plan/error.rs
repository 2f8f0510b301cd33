//! Why there is no plan.

use core::fmt;
use serde::Serialize;

/// What is wrong with a field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub enum Problem {
    /// It breaks the specification, or contradicts another field.
    Invalid(String),
    /// It makes sense but is not supported, here or yet.
    Unsupported(String),
}

/// A field that keeps a specification from becoming a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlanError {
    /// The field, such as `mounts[3].options[1]`.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

impl PlanError {
    pub(crate) fn invalid(field: impl Into<String>, text: impl Into<String>) -> PlanError {
        PlanError {
            field: field.into(),
            problem: Problem::Invalid(text.into()),
        }
    }
    pub(crate) fn unsupported(field: impl Into<String>, text: impl Into<String>) -> PlanError {
        PlanError {
            field: field.into(),
            problem: Problem::Unsupported(text.into()),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Invalid(text) => write!(f, "{}: {text}", self.field),
            Problem::Unsupported(text) => write!(f, "{}: {text} is not supported", self.field),
        }
    }
}

impl core::error::Error for PlanError {}
