//! Seeded randomness: what `/dev/urandom`, `getrandom` and `AT_RANDOM` give.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// A stream of bytes that depends on the seed alone (SipHash-1-3 in counter mode).
#[derive(Clone, Debug)]
pub(crate) struct Random {
    seed: u64,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random { seed, counter: 0 }
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        let mut hasher = SipHasher13::new_with_keys(self.seed, 0x676c_6173_7364_6f63);
        hasher.write_u64(self.counter);
        hasher.finish()
    }
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(count + 8);
        while out.len() < count {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(count);
        out
    }
}
