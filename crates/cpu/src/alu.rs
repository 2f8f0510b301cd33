//! Integer arithmetic with flags.

use crate::forms::{BitOp, ShiftOp};
use crate::op::Op;
use crate::state::rflags::{AF, CF, OF, PF, SF, ZF};
use crate::state::{Exit, reg};
use crate::vm::{Stop, Vm, Word};

/// One of the two-operand operations that have codes of their own.
pub(crate) trait Alu {
    /// The result, from slots.
    fn of<W: Word>(x: u64, y: u64) -> W;
    /// Notes the flags.
    fn flags<W: Word>(vm: &mut Vm, x: W, y: W, r: W);
}

macro_rules! alu {
    ($name:ident, |$x:ident, $y:ident| $of:expr, |$vm:ident, $a:ident, $b:ident, $r:ident| $flags:expr) => {
        pub(crate) struct $name;
        impl Alu for $name {
            #[inline(always)]
            fn of<W: Word>($x: u64, $y: u64) -> W {
                W::of($of)
            }
            #[inline(always)]
            fn flags<W: Word>($vm: &mut Vm, $a: W, $b: W, $r: W) {
                $flags
            }
        }
    };
}

alu!(Add, |x, y| x.wrapping_add(y), |vm, _x, y, r| vm
    .flags_add(r, y));
alu!(Sub, |x, y| x.wrapping_sub(y), |vm, x, y, _r| vm
    .flags_sub(x, y));
alu!(And, |x, y| x & y, |vm, _x, _y, r| vm.flags_result(r, 0));
alu!(Or, |x, y| x | y, |vm, _x, _y, r| vm.flags_result(r, 0));
alu!(Xor, |x, y| x ^ y, |vm, _x, _y, r| vm.flags_result(r, 0));

/// The result, with the flags noted.
#[inline(always)]
pub(crate) fn run<O: Alu, W: Word>(vm: &mut Vm, x: W, y: W) -> W {
    let r = O::of::<W>(x.zx(), y.zx());
    O::flags(vm, x, y, r);
    r
}

fn flag(on: bool, flag: u64) -> u64 {
    if on { flag } else { 0 }
}

/// Calls `$f::<width>` for the width in `op.d`.
macro_rules! by_width {
    ($op:expr, $f:ident($($arg:expr),*)) => {
        match $op.d {
            0 => $f::<u8>($($arg),*),
            1 => $f::<u16>($($arg),*),
            2 => $f::<u32>($($arg),*),
            _ => $f::<u64>($($arg),*),
        }
    };
}

/// The eight operations of the first opcodes, on slot `a` and `y`.
#[inline(never)]
pub(crate) fn general(vm: &mut Vm, op: &Op, y: u64) {
    by_width!(op, alu_any(vm, op, y));
}

fn alu_any<W: Word>(vm: &mut Vm, op: &Op, y: u64) {
    let (x, y) = (vm.get::<W>(op.a), W::of(y));
    let r = match op.c {
        0 => run::<Add, W>(vm, x, y),
        1 => run::<Or, W>(vm, x, y),
        2 => carry(vm, x, y, false),
        3 => carry(vm, x, y, true),
        4 => run::<And, W>(vm, x, y),
        5 => run::<Sub, W>(vm, x, y),
        6 => run::<Xor, W>(vm, x, y),
        _ => return vm.flags_sub(x, y),
    };
    vm.set(op.a, r);
}

/// `adc` or `sbb`.
fn carry<W: Word>(vm: &mut Vm, x: W, y: W, subtract: bool) -> W {
    let c = u64::from(vm.fl.cf());
    let (a, b) = (x.zx(), y.zx());
    let (r, out) = if subtract {
        (
            W::of(a.wrapping_sub(b).wrapping_sub(c)),
            u128::from(a) < u128::from(b) + u128::from(c),
        )
    } else {
        let wide = u128::from(a) + u128::from(b) + u128::from(c);
        (W::of(wide as u64), wide >> W::BITS != 0)
    };
    let (xl, yl, rl) = (x.left(), y.left(), r.left());
    let over = if subtract {
        (xl ^ yl) & (xl ^ rl)
    } else {
        (xl ^ rl) & (yl ^ rl)
    };
    let af = (a ^ b ^ r.zx()) & AF;
    vm.flags_result(r, flag(out, CF) | flag(over >> 63 != 0, OF) | af);
    r
}

/// `test` in 16 bits.
#[inline(never)]
pub(crate) fn test16(vm: &mut Vm, op: &Op, y: u64) {
    let r = vm.get::<u16>(op.a) & y as u16;
    vm.flags_result(r, 0);
}

/// `shl`, `shr` or `sar` by an immediate that is not zero.
#[inline(always)]
pub(crate) fn shift_imm<W: Word>(vm: &mut Vm, op: &Op, how: ShiftOp) {
    let n = op.imm as u32 & (W::BITS - 1);
    let x = vm.get::<W>(op.a);
    let (r, cf, of) = match how {
        ShiftOp::Shr => {
            let cf = x.zx() >> n.wrapping_sub(1) & 1;
            (x.zx() >> n, cf, x.left() >> 63)
        }
        ShiftOp::Sar => {
            let wide = x.left() as i64 >> (64 - W::BITS);
            (
                (wide >> n) as u64,
                (wide >> n.wrapping_sub(1)) as u64 & 1,
                0,
            )
        }
        _ => {
            let cf = x.zx() >> (W::BITS - n) & 1;
            let r = x.zx() << n;
            (r, cf, (r >> (W::BITS - 1) & 1) ^ cf)
        }
    };
    let r = W::of(r);
    vm.flags_result(r, cf | of << 11);
    vm.set(op.a, r);
}

/// All shifts and rotates in all widths: operation `c` on slot `a` by `imm`, or by cl where `b`
/// is rcx.
#[inline(never)]
pub(crate) fn shift_general(vm: &mut Vm, op: &Op) {
    let mask = if op.d == 3 { 63 } else { 31 };
    let n = if op.b == reg::RCX as u8 {
        vm.r[reg::RCX] as u32
    } else {
        op.imm as u32
    } & mask;
    by_width!(op, shift_any(vm, op, n));
}

fn shift_any<W: Word>(vm: &mut Vm, op: &Op, n: u32) {
    let x = vm.get::<W>(op.a);
    if n == 0 {
        // The register is still written: a 32-bit one loses its upper half.
        return vm.set(op.a, x);
    }
    let bits = W::BITS;
    let a = u128::from(x.zx());
    let top = |v: u128| v >> (bits - 1) & 1 != 0;
    let rotate = |n: u32| (a << n | a >> (bits - n)) & (u128::MAX >> (128 - bits));
    let (r, cf, of) = match op.c {
        0 => {
            let r = rotate(n % bits);
            (r, r & 1 != 0, top(r) != (r & 1 != 0))
        }
        1 => {
            let r = rotate((bits - n % bits) % bits);
            (r, top(r), top(r) != top(r << 1))
        }
        2 | 3 => return rotate_carry::<W>(vm, op, n),
        5 => (a >> n, a >> (n - 1) & 1 != 0, top(a)),
        7 => {
            let wide = i128::from(x.left() as i64 >> (64 - bits));
            ((wide >> n) as u128, wide >> (n - 1) & 1 != 0, false)
        }
        _ => {
            let cf = (a << n) >> bits & 1 != 0;
            (a << n, cf, top(a << n) != cf)
        }
    };
    let r = W::of(r as u64);
    vm.set(op.a, r);
    let changed = flag(cf, CF) | flag(of, OF);
    if op.c < 2 {
        vm.flags_change(CF | OF, changed);
    } else {
        vm.flags_result(r, changed);
    }
}

/// `rcl` and `rcr`: rotates through the carry flag.
fn rotate_carry<W: Word>(vm: &mut Vm, op: &Op, n: u32) {
    let bits = W::BITS;
    let n = n % (bits + 1);
    let x = vm.get::<W>(op.a);
    let with_cf = u128::from(x.zx()) | u128::from(vm.fl.cf()) << bits;
    let back = if op.c == 2 { n } else { bits + 1 - n };
    let turned = with_cf << back | with_cf >> (bits + 1 - back);
    let r = W::of(turned as u64);
    let cf = turned >> bits & 1 != 0;
    let (top, second) = (r.left() >> 63 != 0, r.left() >> 62 & 1 != 0);
    let of = if op.c == 2 { top != cf } else { top != second };
    vm.set(op.a, r);
    vm.flags_change(CF | OF, flag(cf, CF) | flag(of, OF));
}

/// not, neg, inc, dec on slot `a`.
#[inline(never)]
pub(crate) fn unary(vm: &mut Vm, op: &Op) {
    by_width!(op, unary_any(vm, op));
}

fn unary_any<W: Word>(vm: &mut Vm, op: &Op) {
    let x = vm.get::<W>(op.a);
    let r = match op.c {
        0 => W::of(!x.zx()),
        1 => {
            vm.flags_sub(W::of(0), x);
            W::of(x.zx().wrapping_neg())
        }
        2 => return step::<W, false>(vm, op.a),
        _ => return step::<W, true>(vm, op.a),
    };
    vm.set(op.a, r);
}

/// `inc` or `dec` of slot `a`.
#[inline(always)]
pub(crate) fn step<W: Word, const DOWN: bool>(vm: &mut Vm, a: u8) {
    let x = vm.get::<W>(a);
    let cf = flag(vm.fl.cf(), CF);
    let min = 1u64 << 63;
    let (r, over, af) = if DOWN {
        let r = W::of(x.zx().wrapping_sub(1));
        (r, x.left() == min, r.zx() & 15 == 15)
    } else {
        let r = W::of(x.zx().wrapping_add(1));
        (r, r.left() == min, r.zx() & 15 == 0)
    };
    vm.flags_result(r, cf | flag(over, OF) | flag(af, AF));
    vm.set(a, r);
}

/// `bt` of slot `a`.
#[inline(always)]
pub(crate) fn bit_test<W: Word>(vm: &mut Vm, op: &Op) {
    let n = (vm.slot(op.b) as u32).wrapping_add(op.imm as u32) & (W::BITS - 1);
    vm.fl = vm.fl.with_cf(vm.slot(op.a) >> n & 1 != 0);
}

/// Signed multiplication to slot `a`, in 32 bits.
#[inline(always)]
pub(crate) fn imul32(vm: &mut Vm, a: u8, x: u32, y: u32) {
    let wide = i64::from(x as i32) * i64::from(y as i32);
    vm.flags_result(wide as u32, flag(wide != i64::from(wide as i32), CF | OF));
    vm.set(a, wide as u32);
}

/// Signed multiplication to slot `a`, in 64 bits.
#[inline(always)]
pub(crate) fn imul64(vm: &mut Vm, a: u8, x: u64, y: u64) {
    let (r, over) = (x as i64).overflowing_mul(y as i64);
    vm.flags_result(r as u64, flag(over, CF | OF));
    vm.set(a, r as u64);
}

/// mul, imul, div, idiv by slot `b`, and imul of slots `a` and `b` in 16 bits.
#[inline(never)]
pub(crate) fn mul_div(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    match op.c {
        4 => {
            let (x, y) = (vm.get::<u16>(op.a) as i16, vm.get::<u16>(op.b) as i16);
            let (r, over) = x.overflowing_mul(y);
            vm.flags_result(r as u16, flag(over, CF | OF));
            vm.set(op.a, r as u16);
            Ok(())
        }
        0 | 1 => {
            by_width!(op, multiply(vm, op));
            Ok(())
        }
        _ => by_width!(op, divide(vm, op)),
    }
}

/// The accumulator's two halves: ax for bytes, else rdx:rax.
fn wide_accumulator<W: Word>(vm: &Vm) -> u128 {
    if W::BITS == 8 {
        return u128::from(vm.r[reg::RAX] as u16);
    }
    let high = u128::from(vm.get::<W>(reg::RDX as u8).zx());
    high << W::BITS | u128::from(vm.get::<W>(reg::RAX as u8).zx())
}

fn set_accumulator<W: Word>(vm: &mut Vm, low: W, high: W) {
    if W::BITS == 8 {
        return vm.set::<u16>(reg::RAX as u8, (low.zx() | high.zx() << 8) as u16);
    }
    vm.set(reg::RAX as u8, low);
    vm.set(reg::RDX as u8, high);
}

fn sign_extend<W: Word>(v: W) -> i128 {
    i128::from(v.left() as i64 >> (64 - W::BITS))
}

fn multiply<W: Word>(vm: &mut Vm, op: &Op) {
    let (x, y) = (vm.get::<W>(reg::RAX as u8), vm.get::<W>(op.b));
    let (wide, over) = if op.c == 0 {
        let wide = u128::from(x.zx()) * u128::from(y.zx());
        (wide, wide >> W::BITS != 0)
    } else {
        let wide = sign_extend(x) * sign_extend(y);
        (wide as u128, wide != sign_extend(W::of(wide as u64)))
    };
    let low = W::of(wide as u64);
    set_accumulator(vm, low, W::of((wide >> W::BITS) as u64));
    vm.flags_result(low, flag(over, CF | OF));
}

fn divide<W: Word>(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let (x, y) = (wide_accumulator::<W>(vm), vm.get::<W>(op.b));
    let result = if op.c == 2 {
        unsigned_division(x, y)
    } else {
        signed_division(x, y)
    };
    let Some((q, r)) = result else {
        return Err(vm.stop(Exit::DivideError));
    };
    set_accumulator(vm, q, r);
    Ok(())
}

fn unsigned_division<W: Word>(x: u128, y: W) -> Option<(W, W)> {
    let y = y.zx();
    if y == 0 {
        return None;
    }
    if let Ok(x) = u64::try_from(x) {
        let q = W::of(x / y);
        return (q.zx() == x / y).then_some((q, W::of(x % y)));
    }
    let (q, r) = (x / u128::from(y), x % u128::from(y));
    (q >> W::BITS == 0).then_some((W::of(q as u64), W::of(r as u64)))
}

fn signed_division<W: Word>(x: u128, y: W) -> Option<(W, W)> {
    let unused = 128 - 2 * W::BITS;
    let x = (x << unused) as i128 >> unused;
    let y = sign_extend(y);
    let (q, r) = match (i64::try_from(x), i64::try_from(y)) {
        (Ok(x), Ok(y)) if y != 0 && y != -1 => (i128::from(x / y), i128::from(x % y)),
        _ => (x.checked_div(y)?, x.checked_rem(y)?),
    };
    let (small, rest) = (W::of(q as u64), W::of(r as u64));
    (sign_extend(small) == q).then_some((small, rest))
}

/// bt, bts, btr, btc: bit `slot b + imm` of slot `a`.
#[inline(never)]
pub(crate) fn bit(vm: &mut Vm, op: &Op) {
    by_width!(op, bit_any(vm, op));
}

fn bit_any<W: Word>(vm: &mut Vm, op: &Op) {
    let n = (vm.slot(op.b) as u32).wrapping_add(op.imm as u32) & (W::BITS - 1);
    let x = vm.get::<W>(op.a).zx();
    let mask = 1u64 << n;
    let cf = x & mask != 0;
    let r = match op.c {
        c if c == BitOp::Bts as u8 => x | mask,
        c if c == BitOp::Btr as u8 => x & !mask,
        c if c == BitOp::Btc as u8 => x ^ mask,
        _ => return vm.fl = vm.fl.with_cf(cf),
    };
    vm.set(op.a, W::of(r));
    vm.fl = vm.fl.with_cf(cf);
}

/// The address of the word that holds the bit which a register names: slot `a` becomes the
/// operand's address moved by as many words as the bit number (slot `b`) says.
#[inline(never)]
pub(crate) fn bit_address(vm: &mut Vm, op: &Op) {
    let offset = match op.d {
        1 => i64::from(vm.slot(op.b) as i16),
        2 => i64::from(vm.slot(op.b) as i32),
        _ => vm.slot(op.b) as i64,
    };
    let words = offset >> (3 + op.d);
    let mut ea = vm.ea(op).wrapping_add((words << op.d) as u64);
    if op.c != 0 {
        ea &= 0xffff_ffff;
    }
    vm.set_slot(op.a, ea);
}

/// bsf (`reverse` false) and bsr; of zero they leave the destination alone.
#[inline(never)]
pub(crate) fn bit_scan(vm: &mut Vm, op: &Op, reverse: bool) {
    by_width!(op, bit_scan_any(vm, op, reverse));
}

fn bit_scan_any<W: Word>(vm: &mut Vm, op: &Op, reverse: bool) {
    let x = vm.get::<W>(op.b).zx();
    if x == 0 {
        return vm.flags_change(ZF, ZF);
    }
    let n = if reverse {
        63 - x.leading_zeros()
    } else {
        x.trailing_zeros()
    };
    vm.set(op.a, W::of(u64::from(n)));
    vm.flags_change(ZF, 0);
}

/// shld (`right` false) and shrd: slot `a`, filled from slot `b`, by `imm`, or by cl if `c`.
#[inline(never)]
pub(crate) fn double_shift(vm: &mut Vm, op: &Op, right: bool) {
    let mask = if op.d == 3 { 63 } else { 31 };
    let n = if op.c != 0 {
        vm.r[reg::RCX] as u32
    } else {
        op.imm as u32
    } & mask;
    by_width!(op, double_shift_any(vm, op, right, n));
}

fn double_shift_any<W: Word>(vm: &mut Vm, op: &Op, right: bool, n: u32) {
    let (x, y) = (vm.get::<W>(op.a), vm.get::<W>(op.b));
    if n == 0 {
        return vm.set(op.a, x);
    }
    let bits = W::BITS;
    let (a, b) = (u128::from(x.zx()), u128::from(y.zx()));
    // More than the width is undefined for words: processors go on with the destination.
    let (r, cf) = if right {
        let wide = if n > bits {
            (a << bits | b) >> (n - bits)
        } else {
            (b << bits | a) >> n
        };
        let cf = if n > bits {
            b >> (n - bits - 1)
        } else {
            a >> (n - 1)
        };
        (wide as u64, cf & 1 != 0)
    } else {
        let wide = if n > bits {
            (b << bits | a) << (n - bits)
        } else {
            (a << bits | b) << n
        };
        let cf = if n > bits {
            b >> (2 * bits - n)
        } else {
            a >> (bits - n)
        };
        ((wide >> bits) as u64, cf & 1 != 0)
    };
    let r = W::of(r);
    vm.set(op.a, r);
    let over = (x.left() ^ r.left()) >> 63 != 0;
    vm.flags_result(r, flag(cf, CF) | flag(over, OF));
}

/// cmpxchg: slot `a` is the destination, slot `b` the new value.
#[inline(never)]
pub(crate) fn cmpxchg(vm: &mut Vm, op: &Op) {
    by_width!(op, cmpxchg_any(vm, op));
}

fn cmpxchg_any<W: Word>(vm: &mut Vm, op: &Op) {
    const RAX: u8 = reg::RAX as u8;
    let (acc, dest, new) = (vm.get::<W>(RAX), vm.get::<W>(op.a), vm.get::<W>(op.b));
    vm.flags_sub(acc, dest);
    if acc == dest {
        vm.set(op.a, new);
    } else {
        vm.set(RAX, dest);
    }
}

/// The low byte of the flags to ah's layout, and back.
pub(crate) const SAHF: u64 = SF | ZF | AF | PF | CF;
