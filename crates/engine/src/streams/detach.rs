//! The keys that leave a terminal without ending what runs there (moby/term `escape.go`, `ascii.go`).

use crate::error::{ApiError, Result};

/// Control-P, control-Q.
pub const DEFAULT: [u8; 2] = [0x10, 0x11];

/// Reads keys such as `ctrl-p,ctrl-q` or `ctrl-a,d`; an empty text is the default.
///
/// # Errors
/// 400 `Invalid detach keys`.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    if text.is_empty() {
        return Ok(DEFAULT.to_vec());
    }
    let invalid = || ApiError::invalid(format!("Invalid detach keys ({text}) provided"));
    text.split(',')
        .map(|key| parse_key(key).ok_or_else(invalid))
        .collect()
}

fn parse_key(key: &str) -> Option<u8> {
    if let [byte] = key.as_bytes() {
        return Some(*byte);
    }
    let [byte] = key.strip_prefix("ctrl-")?.as_bytes() else {
        return None;
    };
    match byte {
        b'a'..=b'z' => Some(byte - b'a' + 1),
        b'@' => Some(0),
        b'[' => Some(27),
        b'\\' => Some(28),
        b']' => Some(29),
        b'^' => Some(30),
        b'_' => Some(31),
        _ => None,
    }
}

/// Looks for the keys in what a client types.
#[derive(Clone, Debug)]
pub struct Detach {
    keys: Vec<u8>,
    matched: usize,
}

impl Detach {
    /// Looks for these keys.
    pub fn new(keys: Vec<u8>) -> Detach {
        Detach { keys, matched: 0 }
    }

    /// What of the input goes to the container, and whether the keys were completed; what follows them is dropped.
    /// Keys that have begun are held back until it is clear whether they go on.
    pub fn feed(&mut self, input: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(input.len());
        for byte in input {
            if self.keys.get(self.matched) != Some(byte) {
                passed.extend_from_slice(&self.keys[..self.matched]);
                self.matched = 0;
            }
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return (passed, true);
                }
            } else {
                passed.push(*byte);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        assert_eq!(parse("").unwrap(), DEFAULT);
        assert_eq!(parse("ctrl-a,d,ctrl-\\").unwrap(), [1, b'd', 28]);
        for wrong in ["ctrl-", "ctrl-ab", "ab", "ctrl-A", ",", "é"] {
            assert_eq!(
                parse(wrong).unwrap_err().message,
                format!("Invalid detach keys ({wrong}) provided")
            );
        }
    }

    #[test]
    fn the_keys_detach_however_they_are_cut_and_all_else_passes() {
        let mut detach = Detach::new(DEFAULT.to_vec());
        assert_eq!(detach.feed(b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(detach.feed(b"x"), (b"\x10x".to_vec(), false));
        assert_eq!(detach.feed(b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(detach.feed(b"\x11rest"), (Vec::new(), true));
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_without_the_keys(input in proptest::collection::vec(0u8..0x11, 0..64)) {
            let mut detach = Detach::new(DEFAULT.to_vec());
            let (mut passed, found) = detach.feed(&input);
            passed.extend_from_slice(&detach.keys[..detach.matched]);
            proptest::prop_assert!(!found);
            proptest::prop_assert_eq!(passed, input);
        }
    }
}
