//! What was written to a terminal, as far back as it is worth keeping.

/// Bytes that are kept at most; then the older half goes.
const KEPT: usize = 512 * 1024;

/// Output of a terminal.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    /// Position of the first byte that is kept.
    start: u64,
    bytes: Vec<u8>,
}

impl Screen {
    /// Takes in output.
    pub fn write(&mut self, output: &[u8]) {
        self.bytes.extend_from_slice(output);
        if self.bytes.len() > KEPT {
            let half = self.bytes.len() - KEPT / 2;
            // A line's end is where a terminal that begins there shows no half of an escape sequence.
            let line = self.bytes[half..].iter().position(|byte| *byte == b'\n');
            let cut = half + line.map_or(0, |place| place + 1);
            self.bytes.drain(..cut);
            self.start += cut as u64;
        }
    }

    /// Position after the last byte.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// What is kept from a position on, and the position where it begins.
    pub fn from(&self, position: u64) -> (u64, &[u8]) {
        let at = position.clamp(self.start, self.end());
        (at, &self.bytes[(at - self.start) as usize..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_output_loses_its_oldest_lines() {
        let mut screen = Screen::default();
        for number in 0..100_000 {
            screen.write(format!("{number}\r\n").as_bytes());
        }
        let (at, kept) = screen.from(0);
        assert!(kept.len() <= KEPT && at + kept.len() as u64 == screen.end());
        assert!(kept.ends_with(b"\n99999\r\n"));
        let first = kept.split(|byte| *byte == b'\r').next().unwrap();
        assert!(first.iter().all(u8::is_ascii_digit), "{first:?}");
        assert_eq!(screen.from(u64::MAX).1, b"");
    }
}
