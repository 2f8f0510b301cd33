//! The keys that leave a terminal without ending what runs there (moby/term `proxy.go`, `ascii.go`): the command looks
//! for them in what is typed, the engine in what a client sends.

use core::fmt;

/// The default: Control-P, Control-Q.
pub const DEFAULT: [u8; 2] = [0x10, 0x11];

/// A word that names no key. `Display` gives moby's message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownKey(pub String);

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unknown character: '{}'", self.0)
    }
}
impl core::error::Error for UnknownKey {}

/// Reads keys such as `ctrl-p,ctrl-q`, `ctrl-a,d` or `DEL`; an empty text is the default.
///
/// # Errors
/// The first word that names none.
pub fn parse(text: &str) -> Result<Vec<u8>, UnknownKey> {
    if text.is_empty() {
        return Ok(DEFAULT.to_vec());
    }
    text.split(',')
        .map(|key| parse_key(key).ok_or_else(|| UnknownKey(key.to_owned())))
        .collect()
}

fn parse_key(key: &str) -> Option<u8> {
    match key.as_bytes() {
        [byte] => Some(*byte),
        b"DEL" => Some(127),
        [b'c', b't', b'r', b'l', b'-', byte] => match byte {
            b'a'..=b'z' => Some(byte - b'a' + 1),
            b'@' => Some(0),
            b'[' => Some(27),
            b'\\' => Some(28),
            b']' => Some(29),
            b'^' => Some(30),
            b'_' => Some(31),
            _ => None,
        },
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
        assert_eq!(parse(""), Ok(DEFAULT.to_vec()));
        assert_eq!(parse("ctrl-p,ctrl-q"), Ok(DEFAULT.to_vec()));
        assert_eq!(parse("ctrl-a,d,ctrl-\\"), Ok(vec![1, b'd', 28]));
        assert_eq!(parse("a,ctrl-@,DEL,ctrl-["), Ok(vec![b'a', 0, 127, 27]));
        for (wrong, key) in [
            (",", ""),
            ("a,", ""),
            ("ctrl-", "ctrl-"),
            ("a,ctrl-ab,b", "ctrl-ab"),
            ("ab", "ab"),
            ("ctrl-A", "ctrl-A"),
            ("ctrl-1", "ctrl-1"),
            ("é", "é"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert_eq!(error.to_string(), format!("Unknown character: '{key}'"));
        }
    }

    #[test]
    fn only_the_whole_sequence_leaves_and_nothing_else_is_lost() {
        for (typed, passed, left) in [
            (&[&b"ls\r"[..]][..], &b"ls\r"[..], false),
            (&[b"a\x10\x11b"], b"a", true),
            (&[b"a\x10", b"\x11"], b"a", true),
            (&[b"\x10x"], b"\x10x", false),
            (&[b"\x10\x10\x11"], b"\x10", true),
            (&[b"\x11\x10"], b"\x11", false),
            (
                &[b"ab\x10", b"x", b"\x10\x10", b"\x11rest"],
                b"ab\x10x\x10",
                true,
            ),
        ] {
            let mut detach = Detach::new(DEFAULT.to_vec());
            let (mut all, mut out) = (Vec::new(), false);
            for piece in typed {
                let (pass, done) = detach.feed(piece);
                all.extend(pass);
                out |= done;
            }
            assert_eq!((all.as_slice(), out), (passed, left));
        }
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
