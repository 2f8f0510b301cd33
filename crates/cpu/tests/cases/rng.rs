//! Random operands, with a liking for the values where instructions change their minds.

/// splitmix64
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Less than `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True in `percent` of all cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// An integer.
    pub fn word(&mut self) -> u64 {
        match self.below(8) {
            0 => self.below(5),
            1 => self.below(5).wrapping_neg(),
            2 => (1u64 << self.below(64))
                .wrapping_add(self.below(3))
                .wrapping_sub(1),
            3 => self.pick(&[
                0x80,
                0x7f,
                0x8000,
                0x7fff,
                0x8000_0000,
                0x7fff_ffff,
                1 << 63,
                !(1 << 63),
            ]),
            4 => self.next() >> self.below(64),
            _ => self.next(),
        }
    }

    /// A single.
    pub fn single(&mut self) -> u32 {
        let sign = (self.next() as u32) << 31;
        let fraction = match self.below(3) {
            0 => self.next() as u32 & 0x7f_ffff,
            1 => (self.next() as u32 & 0xf) << 19,
            _ => 0x7f_ffff >> self.below(24),
        };
        let exp = match self.below(10) {
            0 => 0,
            1 => 255,
            2 => self.below(30) as u32,
            3 => 225 + self.below(30) as u32,
            _ => 118 + self.below(40) as u32,
        };
        match self.below(16) {
            0 => sign,
            1 => sign | 0x7f80_0000,
            _ => sign | exp << 23 | fraction,
        }
    }

    /// A double.
    pub fn double(&mut self) -> u64 {
        let sign = self.next() << 63;
        let fraction = match self.below(3) {
            0 => self.next() & (u64::MAX >> 12),
            1 => (self.next() & 0xf) << 48,
            _ => u64::MAX >> 12 >> self.below(53),
        };
        let exp = match self.below(10) {
            0 => 0,
            1 => 2047,
            2 => self.below(60),
            3 => 1986 + self.below(60),
            4 => 870 + self.below(300),
            _ => 1014 + self.below(66),
        };
        match self.below(16) {
            0 => sign,
            1 => sign | 2047 << 52,
            _ => sign | exp << 52 | fraction,
        }
    }

    /// An extended number: significand, sign and exponent.
    pub fn extended(&mut self) -> (u64, u16) {
        let sign = (self.next() as u16) << 15;
        let integer = 1u64 << 63;
        let mant = match self.below(4) {
            0 => self.next() | integer,
            1 => self.next() << 56 | integer,
            2 => !(u64::MAX >> 1 >> self.below(64)) | integer,
            _ => self.next() << self.below(64) | integer,
        };
        match self.below(20) {
            0 => (0, sign),
            1 => (integer, sign | 0x7fff),
            2 => (mant | 1 << 62, sign | 0x7fff),
            3 => (mant & !(1 << 62) | 1, sign | 0x7fff),
            4 => (mant >> self.below(64), sign),
            5 => (mant & !integer, sign | self.below(0x8000) as u16),
            6 => (mant, sign | self.below(70) as u16),
            7 => (mant, sign | (0x7fff - self.below(70)) as u16),
            8 => (mant, sign | (0x3fff - 1000 + self.below(2000)) as u16),
            _ => (mant, sign | (0x3fff - 20 + self.below(60)) as u16),
        }
    }
}
