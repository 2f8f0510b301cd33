//! Content digests (OCI image specification, `descriptor.md#digests`) and chain ids (`config.md#layer-chainid`).

pub use glassdock_oci::Digest;
use sha2::{Digest as _, Sha256};

/// The sha256 digest of some bytes.
pub fn of(data: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(data);
    hasher.finish()
}

/// The sha256 digest with these 64 small hexadecimal digits; `None` for anything else.
pub fn from_hex(hex: &str) -> Option<Digest> {
    format!("sha256:{hex}").parse().ok()
}

/// The first twelve digits of a digest, as tables show it.
pub fn short(digest: &Digest) -> &str {
    let digits = digest.encoded();
    digits.get(..12).unwrap_or(digits)
}

/// Bytes as small hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

/// Computes a digest piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    /// The digest of all that was added.
    pub fn finish(self) -> Digest {
        Digest::sha256(&self.0.finalize().into())
    }
}

/// The chain ids of layers from their diff ids, the lowest layer first: a chain id names a layer together with all
/// below it.
pub fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => diff_id.clone(),
            Some(parent) => of(format!("{parent} {diff_id}").as_bytes()),
        });
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(of(b"").as_str(), text);
        assert_eq!(from_hex(&text[7..]), Some(of(b"")));
        assert_eq!(short(&of(b"")), "e3b0c44298fc");
        for wrong in [
            "",
            &text[8..],
            &text[7..].to_uppercase(),
            text,
            &"é".repeat(32),
        ] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_chain_id_covers_the_layers_below() {
        let (a, b) = (of(b"a"), of(b"b"));
        let chain = chain_ids(&[a.clone(), b.clone()]);
        assert_eq!(chain[0], a);
        assert_eq!(chain[1], of(format!("{a} {b}").as_bytes()));
        assert_ne!(chain_ids(&[b, a])[1], chain[1]);
    }
}
