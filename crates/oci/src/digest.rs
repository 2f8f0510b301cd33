//! Content digests (image-spec, `descriptor.md`, "Digests").

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// Longest digest that is accepted, in bytes: `sha512:` and its 128 digits fit well.
pub const MAX_DIGEST_LEN: usize = 256;

/// A digest `algorithm:encoded`, checked against the grammar of the specification; where the algorithm is `sha256`,
/// `sha384` or `sha512`, the encoded part has the algorithm's length and is lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// Why a text is no digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DigestError {
    /// No colon between algorithm and encoded part.
    NoSeparator,
    /// The algorithm is empty or has a character that the grammar does not allow.
    Algorithm,
    /// The encoded part is empty or has a character that the grammar or the algorithm does not allow.
    Encoded,
    /// The encoded part has not as many digits as the algorithm gives.
    Length,
    /// Well-formed, but of an algorithm that is not known, where that is asked for.
    Unsupported,
    /// Longer than [`MAX_DIGEST_LEN`].
    TooLong,
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DigestError::NoSeparator | DigestError::Algorithm | DigestError::Encoded => {
                "invalid checksum digest format"
            }
            DigestError::Length => "invalid checksum digest length",
            DigestError::Unsupported => "unsupported digest algorithm",
            DigestError::TooLong => "digest is too long",
        })
    }
}

impl core::error::Error for DigestError {}

impl Digest {
    /// The digest of what hashes to these 32 bytes with SHA-256.
    pub fn sha256(hash: &[u8; 32]) -> Digest {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(7 + 64);
        text.push_str("sha256:");
        for byte in hash {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from(DIGITS[usize::from(nibble)]));
            }
        }
        Digest(text)
    }
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Whether the algorithm is one whose digests can be computed.
    pub fn is_known(&self) -> bool {
        digits(self.algorithm()).is_some()
    }
    /// The part before the colon.
    pub fn algorithm(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(algorithm, _)| algorithm)
    }
    /// The part after the colon.
    pub fn encoded(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, encoded)| encoded)
    }
}

fn algorithm_is_valid(algorithm: &str) -> bool {
    algorithm.split(['+', '.', '_', '-']).all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// Digits of the encoded part of the algorithms that are known.
fn digits(algorithm: &str) -> Option<usize> {
    match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    }
}

fn check_encoded(algorithm: &str, encoded: &str) -> Result<(), DigestError> {
    let (fits, allowed): (_, fn(u8) -> bool) = match digits(algorithm) {
        Some(digits) => (
            encoded.len() == digits,
            |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        ),
        None => (true, |byte| {
            byte.is_ascii_alphanumeric() || b"=_-".contains(&byte)
        }),
    };
    match () {
        () if encoded.is_empty() => Err(DigestError::Encoded),
        () if !fits => Err(DigestError::Length),
        () if encoded.bytes().all(allowed) => Ok(()),
        () => Err(DigestError::Encoded),
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Digest, DigestError> {
        if text.len() > MAX_DIGEST_LEN {
            return Err(DigestError::TooLong);
        }
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::NoSeparator)?;
        if !algorithm_is_valid(algorithm) {
            return Err(DigestError::Algorithm);
        }
        check_encoded(algorithm, encoded)?;
        Ok(Digest(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Digest, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.0)
    }
}
