//! Small checks of texts that become arguments of system calls.

use super::PlanError;

/// A text without a NUL character.
pub(super) fn plain<'a>(text: &'a str, field: &str) -> Result<&'a str, PlanError> {
    if text.contains('\0') {
        return Err(PlanError::invalid(field, "a NUL character is not allowed"));
    }
    Ok(text)
}

/// A list of texts without NUL characters, as bytes.
pub(super) fn list(texts: &[String], field: &str) -> Result<Vec<Vec<u8>>, PlanError> {
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            plain(text, &format!("{field}[{index}]")).map(|text| text.as_bytes().to_vec())
        })
        .collect()
}
