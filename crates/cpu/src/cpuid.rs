//! What the processor says of itself: baseline x86-64 and no more.

/// Vendor, as in `cpuid` leaf 0: twelve bytes.
pub const VENDOR: &[u8; 12] = b"GlassdockCPU";
/// Brand, as in leaves 0x80000002 to 4: at most 47 bytes.
pub const BRAND: &str = "Glassdock interpreted x86-64 processor";
/// Family, model and stepping.
pub const SIGNATURE: (u32, u32, u32) = (6, 1, 0);
/// Names of the feature bits, as `/proc/cpuinfo` prints them.
pub const FLAGS: &str =
    "fpu tsc cx8 cmov clflush mmx fxsr sse sse2 syscall nx lm rep_good nopl cpuid cx16 lahf_lm";

/// Bits of leaf 1, edx: fpu tsc cx8 cmov clflush mmx fxsr sse sse2.
const EDX1: u32 = 1 | 1 << 4 | 1 << 8 | 1 << 15 | 1 << 19 | 1 << 23 | 1 << 24 | 1 << 25 | 1 << 26;
/// Leaf 1, ecx: cx16.
const ECX1: u32 = 1 << 13;
/// Leaf 0x80000001, edx: syscall, nx, lm.
const EDX_EXT: u32 = 1 << 11 | 1 << 20 | 1 << 29;
/// Leaf 0x80000001, ecx: lahf in 64-bit mode.
const ECX_EXT: u32 = 1;

fn word(bytes: &[u8], at: usize) -> u32 {
    (0..4).fold(0, |v, i| {
        v | u32::from(bytes.get(at + i).copied().unwrap_or(0)) << (8 * i)
    })
}

/// eax, ebx, ecx, edx of a leaf. Leaves that are not there are zero.
pub fn cpuid(leaf: u32, _subleaf: u32) -> [u32; 4] {
    let (family, model, stepping) = SIGNATURE;
    match leaf {
        0 => [1, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)],
        // ebx: a cache line of 64 bytes, one logical processor.
        1 => [
            family << 8 | model << 4 | stepping,
            8 << 8 | 1 << 16,
            ECX1,
            EDX1,
        ],
        0x8000_0000 => [
            0x8000_0008,
            word(VENDOR, 0),
            word(VENDOR, 8),
            word(VENDOR, 4),
        ],
        0x8000_0001 => [0, 0, ECX_EXT, EDX_EXT],
        0x8000_0002..=0x8000_0004 => {
            let at = (leaf - 0x8000_0002) as usize * 16;
            [0, 4, 8, 12].map(|i| word(BRAND.as_bytes(), at + i))
        }
        // 48 bits of linear, 32 of physical address.
        0x8000_0008 => [48 << 8 | 32, 0, 0, 0],
        _ => [0; 4],
    }
}
