//! The cache of decoded blocks.

/// Decoded blocks of all frames.
#[derive(Default)]
pub(crate) struct CodeCache {}
