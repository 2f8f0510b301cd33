//! The hot loop: runs blocks of micro-operations.

use super::{Left, Runner, cold, on_stack};
use crate::alu::{self, Add, Alu, And, Or, Sub, Xor};
use crate::cache::{self, CodeCache, NO_BLOCK};
use crate::flags::bit;
use crate::forms::ShiftOp;
use crate::op::{BLOCK, Code};
use crate::sse;
use crate::state::{Exit, reg, rflags};
use crate::string::{self, Progress};
use crate::vm::{Stop, Vm, Word, canonical};
use crate::x87;

const RSP: usize = reg::RSP;

impl Runner<'_> {
    /// Runs block `id`, which is at `rip`, and whatever it leads to without a look-up.
    // Most of it is a table, with two arms on a line.
    #[rustfmt::skip]
    pub(super) fn blocks(&mut self, vm: &mut Vm, id: u32, rip: u64) -> Left {
        let CodeCache {
            ops,
            origins,
            blocks,
            front,
            ..
        } = &*self.code;
        let ops = ops.as_slice();
        let blocks = blocks.as_slice();
        let mut left = self.left;
        let mut cur = &blocks[id as usize];
        let mut cur_id = id;
        left -= u64::from(cur.count);
        let mut pc = cur.start as usize;
        const BLK: usize = BLOCK as usize;
        vm.r[BLK] = rip;

        let stop = 'run: loop {
            let op = &ops[pc];
            pc += 1;

            macro_rules! t {
                ($e:expr) => {
                    match $e {
                        Ok(v) => v,
                        Err(stop) => break 'run stop,
                    }
                };
            }
            macro_rules! rr {
                ($o:ident, $w:ty) => {{
                    let r = alu::run::<$o, $w>(vm, vm.get(op.a), vm.get(op.b));
                    vm.set::<$w>(op.a, r);
                }};
            }
            macro_rules! ri {
                ($o:ident, $w:ty) => {{
                    let r = alu::run::<$o, $w>(vm, vm.get(op.a), op.imm as $w);
                    vm.set::<$w>(op.a, r);
                }};
            }
            macro_rules! rm {
                ($o:ident, $w:ty, $load:ident) => {{
                    let m = t!(vm.$load(vm.ea(op)));
                    let r = alu::run::<$o, $w>(vm, vm.get(op.a), m);
                    vm.set::<$w>(op.a, r);
                }};
            }
            macro_rules! rrn {
                ($o:ident, $w:ty) => {{
                    let r = $o::of::<$w>(vm.slot(op.a), vm.slot(op.b));
                    vm.set::<$w>(op.a, r);
                }};
            }
            macro_rules! rin {
                ($o:ident, $w:ty) => {{
                    let r = $o::of::<$w>(vm.slot(op.a), op.imm as u64);
                    vm.set::<$w>(op.a, r);
                }};
            }
            macro_rules! rmn {
                ($o:ident, $w:ty, $load:ident) => {{
                    let m = t!(vm.$load(vm.ea(op)));
                    let r = $o::of::<$w>(vm.slot(op.a), u64::from(m));
                    vm.set::<$w>(op.a, r);
                }};
            }
            macro_rules! mr {
                ($o:ident, $w:ty) => {{
                    let y = vm.get::<$w>(op.a);
                    let addr = vm.ea(op);
                    let x = <$w>::from_le_bytes(t!(vm.rmw(addr)));
                    let r = alu::run::<$o, $w>(vm, x, y);
                    t!(vm.put(addr, r.to_le_bytes()));
                }};
            }
            macro_rules! mi {
                ($o:ident, $w:ty) => {{
                    let addr = vm.ea(op);
                    let x = <$w>::from_le_bytes(t!(vm.rmw(addr)));
                    let r = alu::run::<$o, $w>(vm, x, op.imm as $w);
                    t!(vm.put(addr, r.to_le_bytes()));
                }};
            }
            macro_rules! operands {
                ($w:ty, rr) => {
                    (vm.get::<$w>(op.a), vm.get::<$w>(op.b))
                };
                ($w:ty, ri) => {
                    (vm.get::<$w>(op.a), op.imm as $w)
                };
                ($w:ty, rm, $load:ident) => {{
                    let m = t!(vm.$load(vm.ea(op)));
                    (vm.get::<$w>(op.a), m)
                }};
                ($w:ty, mr, $load:ident) => {{
                    let m = t!(vm.$load(vm.ea(op)));
                    (m, vm.get::<$w>(op.a))
                }};
                ($w:ty, mi, $load:ident) => {{
                    let m = t!(vm.$load(vm.ea(op)));
                    (m, op.imm as $w)
                }};
            }
            macro_rules! cmp {
                ($w:ty, $($how:ident),*) => {{
                    let (x, y) = operands!($w, $($how),*);
                    vm.flags_sub::<$w>(x, y);
                }};
            }
            macro_rules! test {
                ($w:ty, $($how:ident),*) => {{
                    let (x, y) = operands!($w, $($how),*);
                    vm.flags_result::<$w>(x & y, 0);
                }};
            }
            macro_rules! un {
                ($w:ty, $f:expr) => {{
                    let f: fn($w) -> $w = $f;
                    let v = f(vm.get::<$w>(op.a));
                    vm.set::<$w>(op.a, v);
                }};
            }
            macro_rules! shift_n {
                ($w:ty, $s:ty, $o:tt, $n:expr) => {{
                    let v = (vm.get::<$w>(op.a) as $s $o ($n as u32 & (<$w>::BITS - 1))) as $w;
                    vm.set::<$w>(op.a, v);
                }};
            }
            macro_rules! ld {
                ($load:ident, $ea:ident, $t:ty) => {{
                    let m = t!(vm.$load(vm.$ea(op)));
                    vm.set_slot(op.a, m as $t as u64);
                }};
            }
            macro_rules! lds {
                ($load:ident, $s:ty, $t:ty) => {{
                    let m = t!(vm.$load(vm.ea(op)));
                    vm.set_slot(op.a, m as $s as $t as u64);
                }};
            }
            macro_rules! st {
                ($w:ty, $ea:ident) => {
                    t!(vm.put(vm.$ea(op), vm.get::<$w>(op.a).to_le_bytes()))
                };
            }
            macro_rules! sti {
                ($w:ty) => {
                    t!(vm.put(vm.ea(op), (op.imm as $w).to_le_bytes()))
                };
            }
            macro_rules! rmw {
                ($w:ty) => {{
                    let m = <$w>::from_le_bytes(t!(vm.rmw(vm.ea(op))));
                    vm.set_slot(op.a, u64::from(m));
                }};
            }

            let target = 'indirect: {
                let k = 'link: {
                    macro_rules! cmpj {
                        ($w:ty, $($how:ident),*) => {{
                            let (x, y) = operands!($w, $($how),*);
                            vm.flags_sub::<$w>(x, y);
                            let (x, y) = (x.left(), y.left());
                            let bits = u8::from(x < y) * bit::CF
                                | u8::from(x == y) * bit::ZF
                                | u8::from((x as i64) < y as i64) * bit::LT
                                | u8::from((x.wrapping_sub(y) as i64) < 0) * bit::SF;
                            break 'link usize::from((bits & op.c != 0) != (op.d != 0));
                        }};
                    }
                    macro_rules! stepj {
                        ($w:ty, $down:literal) => {{
                            alu::step::<$w, $down>(vm, op.a);
                            break 'link usize::from((vm.fl.bits() & op.c != 0) != (op.d != 0));
                        }};
                    }
                    macro_rules! testj {
                        ($w:ty, $($how:ident),*) => {{
                            let (x, y) = operands!($w, $($how),*);
                            vm.flags_result::<$w>(x & y, 0);
                            let x = (x & y).left();
                            let bits = u8::from(x == 0) * bit::ZF
                                | u8::from((x as i64) < 0) * (bit::LT | bit::SF);
                            break 'link usize::from((bits & op.c != 0) != (op.d != 0));
                        }};
                    }
                    match op.code {
                        Code::MovRR32 => vm.set_slot(op.a, vm.slot(op.b) as u32 as u64),
                        Code::MovRR64 => vm.set_slot(op.a, vm.slot(op.b)),
                        Code::MovI64 => {
                            vm.set_slot(op.a, (op.disp as u64) << 32 | op.imm as u32 as u64)
                        }
                        Code::MovI32 => vm.set_slot(op.a, op.imm as u32 as u64),
                        Code::Mov8RR => vm.set::<u8>(op.a, vm.get(op.b)),
                        Code::Mov16RR => vm.set::<u16>(op.a, vm.get(op.b)),
                        Code::Lea32 => vm.set_slot(op.a, vm.ea(op) as u32 as u64),
                        Code::Lea64 => vm.set_slot(op.a, vm.ea(op)),
                        Code::LeaT => {
                            let ea = vm.ea(op);
                            let ea = if op.c != 0 { ea & 0xffff_ffff } else { ea };
                            vm.set_slot(op.a, ea.wrapping_add(vm.slot(op.d)));
                        }
                        Code::Ld8z => ld!(load8, ea, u8), Code::Ld16z => ld!(load16, ea, u16),
                        Code::Ld32 => ld!(load32, ea, u32), Code::Ld64 => ld!(load64, ea, u64),
                        Code::Ld32d => ld!(load32, ead, u32), Code::Ld64d => ld!(load64, ead, u64),
                        Code::Ld8s32 => lds!(load8, i8, u32), Code::Ld8s64 => lds!(load8, i8, u64),
                        Code::Ld16s32 => lds!(load16, i16, u32),
                        Code::Ld16s64 => lds!(load16, i16, u64),
                        Code::Ld32s64 => lds!(load32, i32, u64),
                        Code::Ld8m => {
                            let m = t!(vm.load8(vm.ea(op)));
                            vm.set::<u8>(op.a, m);
                        }
                        Code::Ld16m => {
                            let m = t!(vm.load16(vm.ea(op)));
                            vm.set::<u16>(op.a, m);
                        }
                        Code::Zx8 => vm.set_slot(op.a, vm.slot(op.b) & 0xff),
                        Code::Zx16 => vm.set_slot(op.a, vm.slot(op.b) & 0xffff),
                        Code::Sx8x32 => vm.set_slot(op.a, vm.slot(op.b) as i8 as u32 as u64),
                        Code::Sx8x64 => vm.set_slot(op.a, vm.slot(op.b) as i8 as u64),
                        Code::Sx16x32 => vm.set_slot(op.a, vm.slot(op.b) as i16 as u32 as u64),
                        Code::Sx16x64 => vm.set_slot(op.a, vm.slot(op.b) as i16 as u64),
                        Code::Sx32x64 => vm.set_slot(op.a, vm.slot(op.b) as i32 as u64),
                        Code::St8 => st!(u8, ea), Code::St16 => st!(u16, ea),
                        Code::St32 => st!(u32, ea), Code::St64 => st!(u64, ea),
                        Code::St32d => st!(u32, ead), Code::St64d => st!(u64, ead),
                        Code::St8I => sti!(u8), Code::St16I => sti!(u16),
                        Code::St32I => sti!(u32), Code::St64I => sti!(u64),
                        Code::Rmw8 => rmw!(u8), Code::Rmw16 => rmw!(u16),
                        Code::Rmw32 => rmw!(u32), Code::Rmw64 => rmw!(u64),
                        Code::ExtHi => vm.set_slot(op.a, vm.slot(op.b) >> 8 & 0xff),
                        Code::InsHi => {
                            let v = vm.slot(op.a) & !0xff00 | (vm.slot(op.b) & 0xff) << 8;
                            vm.set_slot(op.a, v);
                        }
                        Code::Push => t!(vm.push(vm.slot(op.a))),
                        Code::Push2 => {
                            let sp = vm.r[RSP].wrapping_sub(16);
                            match vm.space.tlb.write(sp, 16) {
                                Some(host) => {
                                    let both = u128::from(vm.slot(op.a)) << 64 | u128::from(vm.slot(op.c));
                                    vm.store.ram.put(host, both.to_le_bytes());
                                    vm.r[RSP] = sp;
                                    pc += 1;
                                }
                                None => t!(vm.push(vm.slot(op.a))),
                            }
                        }
                        Code::PushI => t!(vm.push(op.imm as u64)),
                        Code::Pop2 => match vm.space.tlb.read(vm.r[RSP], 16) {
                            Some(host) => {
                                let both = u128::from_le_bytes(vm.store.ram.get(host));
                                vm.set_slot(op.a, both as u64);
                                vm.set_slot(op.c, (both >> 64) as u64);
                                vm.r[RSP] = vm.r[RSP].wrapping_add(16);
                                pc += 1;
                            }
                            None => {
                                let v = t!(vm.pop());
                                vm.set_slot(op.a, v);
                            }
                        },
                        Code::Pop => {
                            let v = t!(vm.pop());
                            vm.set_slot(op.a, v);
                        }
                        Code::Mov32x2 => {
                            vm.set_slot(op.a, vm.slot(op.b) as u32 as u64);
                            vm.set_slot(op.c, vm.slot(op.d) as u32 as u64);
                            pc += 1;
                        }
                        Code::Mov64x2 => {
                            vm.set_slot(op.a, vm.slot(op.b));
                            vm.set_slot(op.c, vm.slot(op.d));
                            pc += 1;
                        }
                        Code::Leave => {
                            let bp = vm.r[reg::RBP];
                            let v = t!(vm.load64(bp));
                            vm.r[RSP] = bp.wrapping_add(8);
                            vm.r[reg::RBP] = v;
                        }
                        Code::Add32RR => rr!(Add, u32), Code::Add32RI => ri!(Add, u32),
                        Code::Add32RM => rm!(Add, u32, load32), Code::Add32RRn => rrn!(Add, u32),
                        Code::Add32RIn => rin!(Add, u32), Code::Add32RMn => rmn!(Add, u32, load32),
                        Code::Add32MR => mr!(Add, u32), Code::Add32MI => mi!(Add, u32),
                        Code::Add64RR => rr!(Add, u64), Code::Add64RI => ri!(Add, u64),
                        Code::Add64RM => rm!(Add, u64, load64), Code::Add64RRn => rrn!(Add, u64),
                        Code::Add64RIn => rin!(Add, u64), Code::Add64RMn => rmn!(Add, u64, load64),
                        Code::Add64MR => mr!(Add, u64), Code::Add64MI => mi!(Add, u64),
                        Code::Sub32RR => rr!(Sub, u32), Code::Sub32RI => ri!(Sub, u32),
                        Code::Sub32RM => rm!(Sub, u32, load32), Code::Sub32RRn => rrn!(Sub, u32),
                        Code::Sub32RIn => rin!(Sub, u32), Code::Sub32RMn => rmn!(Sub, u32, load32),
                        Code::Sub32MR => mr!(Sub, u32), Code::Sub32MI => mi!(Sub, u32),
                        Code::Sub64RR => rr!(Sub, u64), Code::Sub64RI => ri!(Sub, u64),
                        Code::Sub64RM => rm!(Sub, u64, load64), Code::Sub64RRn => rrn!(Sub, u64),
                        Code::Sub64RIn => rin!(Sub, u64), Code::Sub64RMn => rmn!(Sub, u64, load64),
                        Code::Sub64MR => mr!(Sub, u64), Code::Sub64MI => mi!(Sub, u64),
                        Code::And32RR => rr!(And, u32), Code::And32RI => ri!(And, u32),
                        Code::And32RM => rm!(And, u32, load32), Code::And32RRn => rrn!(And, u32),
                        Code::And32RIn => rin!(And, u32), Code::And32RMn => rmn!(And, u32, load32),
                        Code::And32MR => mr!(And, u32), Code::And32MI => mi!(And, u32),
                        Code::And64RR => rr!(And, u64), Code::And64RI => ri!(And, u64),
                        Code::And64RM => rm!(And, u64, load64), Code::And64RRn => rrn!(And, u64),
                        Code::And64RIn => rin!(And, u64), Code::And64RMn => rmn!(And, u64, load64),
                        Code::And64MR => mr!(And, u64), Code::And64MI => mi!(And, u64),
                        Code::Or32RR => rr!(Or, u32), Code::Or32RI => ri!(Or, u32),
                        Code::Or32RM => rm!(Or, u32, load32), Code::Or32RRn => rrn!(Or, u32),
                        Code::Or32RIn => rin!(Or, u32), Code::Or32RMn => rmn!(Or, u32, load32),
                        Code::Or32MR => mr!(Or, u32), Code::Or32MI => mi!(Or, u32),
                        Code::Or64RR => rr!(Or, u64), Code::Or64RI => ri!(Or, u64),
                        Code::Or64RM => rm!(Or, u64, load64), Code::Or64RRn => rrn!(Or, u64),
                        Code::Or64RIn => rin!(Or, u64), Code::Or64RMn => rmn!(Or, u64, load64),
                        Code::Or64MR => mr!(Or, u64), Code::Or64MI => mi!(Or, u64),
                        Code::Xor32RR => rr!(Xor, u32), Code::Xor32RI => ri!(Xor, u32),
                        Code::Xor32RM => rm!(Xor, u32, load32), Code::Xor32RRn => rrn!(Xor, u32),
                        Code::Xor32RIn => rin!(Xor, u32), Code::Xor32RMn => rmn!(Xor, u32, load32),
                        Code::Xor32MR => mr!(Xor, u32), Code::Xor32MI => mi!(Xor, u32),
                        Code::Xor64RR => rr!(Xor, u64), Code::Xor64RI => ri!(Xor, u64),
                        Code::Xor64RM => rm!(Xor, u64, load64), Code::Xor64RRn => rrn!(Xor, u64),
                        Code::Xor64RIn => rin!(Xor, u64), Code::Xor64RMn => rmn!(Xor, u64, load64),
                        Code::Xor64MR => mr!(Xor, u64), Code::Xor64MI => mi!(Xor, u64),
                        Code::Cmp8RR => cmp!(u8, rr), Code::Cmp8RI => cmp!(u8, ri),
                        Code::Cmp8RM => cmp!(u8, rm, load8), Code::Cmp8MR => cmp!(u8, mr, load8),
                        Code::Cmp8MI => cmp!(u8, mi, load8), Code::Test8RR => test!(u8, rr),
                        Code::Test8RI => test!(u8, ri), Code::Test8MR => test!(u8, mr, load8),
                        Code::Test8MI => test!(u8, mi, load8), Code::CmpJ8RR => cmpj!(u8, rr),
                        Code::CmpJ8RI => cmpj!(u8, ri), Code::CmpJ8RM => cmpj!(u8, rm, load8),
                        Code::CmpJ8MR => cmpj!(u8, mr, load8),
                        Code::CmpJ8MI => cmpj!(u8, mi, load8), Code::TestJ8RR => testj!(u8, rr),
                        Code::TestJ8RI => testj!(u8, ri), Code::TestJ8MI => testj!(u8, mi, load8),
                        Code::Cmp32RR => cmp!(u32, rr), Code::Cmp32RI => cmp!(u32, ri),
                        Code::Cmp32RM => cmp!(u32, rm, load32),
                        Code::Cmp32MR => cmp!(u32, mr, load32),
                        Code::Cmp32MI => cmp!(u32, mi, load32), Code::Test32RR => test!(u32, rr),
                        Code::Test32RI => test!(u32, ri), Code::Test32MR => test!(u32, mr, load32),
                        Code::Test32MI => test!(u32, mi, load32), Code::CmpJ32RR => cmpj!(u32, rr),
                        Code::CmpJ32RI => cmpj!(u32, ri), Code::CmpJ32RM => cmpj!(u32, rm, load32),
                        Code::CmpJ32MR => cmpj!(u32, mr, load32),
                        Code::CmpJ32MI => cmpj!(u32, mi, load32),
                        Code::TestJ32RR => testj!(u32, rr), Code::TestJ32RI => testj!(u32, ri),
                        Code::TestJ32MI => testj!(u32, mi, load32), Code::Cmp64RR => cmp!(u64, rr),
                        Code::Cmp64RI => cmp!(u64, ri), Code::Cmp64RM => cmp!(u64, rm, load64),
                        Code::Cmp64MR => cmp!(u64, mr, load64),
                        Code::Cmp64MI => cmp!(u64, mi, load64), Code::Test64RR => test!(u64, rr),
                        Code::Test64RI => test!(u64, ri), Code::Test64MR => test!(u64, mr, load64),
                        Code::Test64MI => test!(u64, mi, load64), Code::CmpJ64RR => cmpj!(u64, rr),
                        Code::CmpJ64RI => cmpj!(u64, ri), Code::CmpJ64RM => cmpj!(u64, rm, load64),
                        Code::CmpJ64MR => cmpj!(u64, mr, load64),
                        Code::CmpJ64MI => cmpj!(u64, mi, load64),
                        Code::TestJ64RR => testj!(u64, rr), Code::TestJ64RI => testj!(u64, ri),
                        Code::TestJ64MI => testj!(u64, mi, load64),
                        Code::Shl32I => alu::shift_imm::<u32>(vm, op, ShiftOp::Shl),
                        Code::Shr32I => alu::shift_imm::<u32>(vm, op, ShiftOp::Shr),
                        Code::Sar32I => alu::shift_imm::<u32>(vm, op, ShiftOp::Sar),
                        Code::Shl32In => shift_n!(u32, u32, <<, op.imm),
                        Code::Shr32In => shift_n!(u32, u32, >>, op.imm),
                        Code::Sar32In => shift_n!(u32, i32, >>, op.imm),
                        Code::Shl32Cn => shift_n!(u32, u32, <<, vm.r[reg::RCX]),
                        Code::Shr32Cn => shift_n!(u32, u32, >>, vm.r[reg::RCX]),
                        Code::Sar32Cn => shift_n!(u32, i32, >>, vm.r[reg::RCX]),
                        Code::Rol32In => {
                            let v = vm.get::<u32>(op.a).rotate_left(op.imm as u32);
                            vm.set(op.a, v);
                        }
                        Code::Imul32RRn => {
                            let v = vm.get::<u32>(op.a).wrapping_mul(vm.get::<u32>(op.b));
                            vm.set::<u32>(op.a, v);
                        }
                        Code::Imul32RIn => {
                            let v = vm.get::<u32>(op.b).wrapping_mul(op.imm as u32);
                            vm.set::<u32>(op.a, v);
                        }
                        Code::Imul32RR => {
                            alu::imul32(vm, op.a, vm.get::<u32>(op.a), vm.get::<u32>(op.b))
                        }
                        Code::Imul32RI => alu::imul32(vm, op.a, vm.get::<u32>(op.b), op.imm as u32),
                        Code::Not32 => un!(u32, |x| !x),
                        Code::Neg32 => {
                            let x = vm.get::<u32>(op.a);
                            vm.flags_sub::<u32>(0, x);
                            vm.set::<u32>(op.a, x.wrapping_neg());
                        }
                        Code::Bswap32 => un!(u32, |x| x.swap_bytes()),
                        Code::Shl64I => alu::shift_imm::<u64>(vm, op, ShiftOp::Shl),
                        Code::Shr64I => alu::shift_imm::<u64>(vm, op, ShiftOp::Shr),
                        Code::Sar64I => alu::shift_imm::<u64>(vm, op, ShiftOp::Sar),
                        Code::Shl64In => shift_n!(u64, u64, <<, op.imm),
                        Code::Shr64In => shift_n!(u64, u64, >>, op.imm),
                        Code::Sar64In => shift_n!(u64, i64, >>, op.imm),
                        Code::Shl64Cn => shift_n!(u64, u64, <<, vm.r[reg::RCX]),
                        Code::Shr64Cn => shift_n!(u64, u64, >>, vm.r[reg::RCX]),
                        Code::Sar64Cn => shift_n!(u64, i64, >>, vm.r[reg::RCX]),
                        Code::Rol64In => {
                            let v = vm.get::<u64>(op.a).rotate_left(op.imm as u32);
                            vm.set(op.a, v);
                        }
                        Code::Imul64RRn => {
                            let v = vm.get::<u64>(op.a).wrapping_mul(vm.get::<u64>(op.b));
                            vm.set::<u64>(op.a, v);
                        }
                        Code::Imul64RIn => {
                            let v = vm.get::<u64>(op.b).wrapping_mul(op.imm as u64);
                            vm.set::<u64>(op.a, v);
                        }
                        Code::Imul64RR => {
                            alu::imul64(vm, op.a, vm.get::<u64>(op.a), vm.get::<u64>(op.b))
                        }
                        Code::Imul64RI => alu::imul64(vm, op.a, vm.get::<u64>(op.b), op.imm as u64),
                        Code::Not64 => un!(u64, |x| !x),
                        Code::Neg64 => {
                            let x = vm.get::<u64>(op.a);
                            vm.flags_sub::<u64>(0, x);
                            vm.set::<u64>(op.a, x.wrapping_neg());
                        }
                        Code::Bswap64 => un!(u64, |x| x.swap_bytes()),
                        Code::AluG => {
                            alu::general(vm, op, vm.slot(op.b));
                        }
                        Code::AluGI => alu::general(vm, op, op.imm as u64),
                        Code::TestG => alu::test16(vm, op, vm.slot(op.b)),
                        Code::TestGI => alu::test16(vm, op, op.imm as u64),
                        Code::Inc32 => alu::step::<u32, false>(vm, op.a),
                        Code::Dec32 => alu::step::<u32, true>(vm, op.a),
                        Code::Inc64 => alu::step::<u64, false>(vm, op.a),
                        Code::Dec64 => alu::step::<u64, true>(vm, op.a),
                        Code::Bt32 => alu::bit_test::<u32>(vm, op),
                        Code::Bt64 => alu::bit_test::<u64>(vm, op),
                        Code::ShiftG => alu::shift_general(vm, op),
                        Code::UnG => alu::unary(vm, op),
                        Code::MulDiv => t!(alu::mul_div(vm, op)),
                        Code::BitG => alu::bit(vm, op),
                        Code::BtAddr => alu::bit_address(vm, op),
                        Code::Bsf => alu::bit_scan(vm, op, false),
                        Code::Bsr => alu::bit_scan(vm, op, true),
                        Code::Shld => alu::double_shift(vm, op, false),
                        Code::Shrd => alu::double_shift(vm, op, true),
                        Code::Cmpxchg => alu::cmpxchg(vm, op),
                        Code::Setcc => {
                            let v = u8::from(vm.fl.test(op.c));
                            vm.set::<u8>(op.a, v);
                        }
                        Code::Cmov64 => {
                            if vm.fl.test(op.c) {
                                vm.set_slot(op.a, vm.slot(op.b));
                            }
                        }
                        Code::Cmov32 => {
                            let from = if vm.fl.test(op.c) { op.b } else { op.a };
                            vm.set_slot(op.a, vm.slot(from) as u32 as u64);
                        }
                        Code::Cmov16 => {
                            if vm.fl.test(op.c) {
                                vm.set::<u16>(op.a, vm.get(op.b));
                            }
                        }
                        Code::Cold => t!(cold::run(vm, op)),
                        Code::LdX => {
                            let v = t!(vm.load128(vm.ea(op)));
                            vm.set_xmm(op.a, v);
                        }
                        Code::LdXa => {
                            let v = t!(vm.load128_aligned(vm.ea(op)));
                            vm.set_xmm(op.a, v);
                        }
                        Code::StX => t!(vm.put128(vm.ea(op), vm.xmm(op.a))),
                        Code::StXa => t!(vm.put128_aligned(vm.ea(op), vm.xmm(op.a))),
                        Code::LdX64 => {
                            let v = t!(vm.load64(vm.ea(op)));
                            vm.set_xmm(op.a, u128::from(v));
                        }
                        Code::LdX32 => {
                            let v = t!(vm.load32(vm.ea(op)));
                            vm.set_xmm(op.a, u128::from(v));
                        }
                        Code::StX64 => {
                            t!(vm.put(vm.ea(op), (vm.xmm(op.a) as u64).to_le_bytes()))
                        }
                        Code::StX32 => {
                            t!(vm.put(vm.ea(op), (vm.xmm(op.a) as u32).to_le_bytes()))
                        }
                        Code::MovXX => vm.set_xmm(op.a, vm.xmm(op.b)),
                        Code::SseRR => {
                            let v = sse::int::run(op.c, vm.xmm(op.a), vm.xmm(op.b));
                            vm.set_xmm(op.a, v);
                        }
                        Code::SseRM => {
                            let m = t!(vm.load128_aligned(vm.ea(op)));
                            let v = sse::int::run(op.c, vm.xmm(op.a), m);
                            vm.set_xmm(op.a, v);
                        }
                        Code::Sse => t!(sse::run(vm, op)), Code::X87 => t!(x87::run(vm, op)),

                        // What ends a block.
                        Code::Fall => break 'link 0,
                        Code::Jmp => break 'link 1,
                        Code::Jcc => break 'link usize::from(vm.fl.test(op.c)),
                        Code::JccZ => break 'link usize::from(vm.fl.zf() != (op.c & 1 != 0)),
                        Code::IncJ32 => stepj!(u32, false),
                        Code::DecJ32 => stepj!(u32, true),
                        Code::IncJ64 => stepj!(u64, false),
                        Code::DecJ64 => stepj!(u64, true),
                        Code::Call => {
                            let back = rip_after(vm, cur);
                            match vm.push(back) {
                                Ok(()) => break 'link 1,
                                Err(Stop::Exit) => break 'run Stop::Exit,
                                Err(Stop::Leave) => {
                                    let to = vm.r[BLK].wrapping_add(cur.links[1].delta as u64);
                                    self.left = left;
                                    return Left::At(to);
                                }
                            }
                        }
                        Code::CallR => {
                            let to = vm.slot(op.a);
                            if !canonical(to) {
                                // The push is tried first.
                                t!(vm.check_store(vm.r[RSP].wrapping_sub(8), 8));
                                break 'run vm.stop(Exit::GeneralProtection);
                            }
                            let back = rip_after(vm, cur);
                            match vm.push(back) {
                                Ok(()) => break 'indirect to,
                                Err(Stop::Exit) => break 'run Stop::Exit,
                                Err(Stop::Leave) => {
                                    self.left = left;
                                    return Left::At(to);
                                }
                            }
                        }
                        Code::JmpR => break 'indirect t!(vm.branch_target(vm.slot(op.a))),
                        Code::Ret => {
                            let to = t!(vm.load64(vm.r[RSP]));
                            let to = t!(vm.branch_target(to));
                            vm.r[RSP] = vm.r[RSP].wrapping_add(8);
                            break 'indirect to;
                        }
                        Code::PopRet => {
                            let both = vm.space.tlb.read(vm.r[RSP], 16);
                            let both = both.map(|host| u128::from_le_bytes(vm.store.ram.get(host)));
                            match both {
                                Some(both) if canonical((both >> 64) as u64) => {
                                    vm.set_slot(op.a, both as u64);
                                    vm.r[RSP] = vm.r[RSP].wrapping_add(16);
                                    break 'indirect (both >> 64) as u64;
                                }
                                _ => {
                                    let v = t!(vm.pop());
                                    vm.set_slot(op.a, v);
                                }
                            }
                        }
                        Code::RetI => {
                            let to = t!(vm.load64(vm.r[RSP]));
                            let to = t!(vm.branch_target(to));
                            vm.r[RSP] = vm.r[RSP].wrapping_add(8 + op.imm as u64);
                            break 'indirect to;
                        }
                        Code::Loop => break 'link usize::from(cold::count_branch(vm, op)),
                        Code::Popf => {
                            t!(cold::popf(vm, op));
                            self.left = left;
                            return Left::At(rip_after(vm, cur));
                        }
                        Code::Syscall => {
                            let next = rip_after(vm, cur);
                            vm.r[reg::RCX] = next;
                            vm.r[reg::R11] = vm.rflags() & !rflags::RF;
                            vm.cpu.rip = next;
                            self.left = left;
                            return Left::Exit(Exit::Syscall);
                        }
                        Code::Int3 => {
                            vm.cpu.rip = rip_after(vm, cur);
                            self.left = left;
                            return Left::Exit(Exit::Breakpoint);
                        }
                        Code::Raise => {
                            let exit = match op.c {
                                0 => Exit::InvalidOpcode,
                                _ => Exit::GeneralProtection,
                            };
                            break 'run vm.stop(exit);
                        }
                        Code::Rdtsc => {
                            let now = vm.cpu.tsc.wrapping_add(self.budget - left);
                            vm.r[reg::RAX] = now & 0xffff_ffff;
                            vm.r[reg::RDX] = now >> 32;
                            break 'link 0;
                        }
                        Code::Str => {
                            let (done, progress) = string::run(vm, op, left.saturating_add(1));
                            // One is counted with the block.
                            left = (left + 1)
                                .saturating_sub(done.max(u64::from(progress == Progress::Done)));
                            let whole = matches!(progress, Progress::Done | Progress::DoneLeave);
                            self.repeats += done.saturating_sub(u64::from(whole));
                            let here = vm.r[BLK].wrapping_add(u64::from(origins[pc - 1].offset));
                            self.left = left;
                            match progress {
                                Progress::Done => break 'link 0,
                                Progress::DoneLeave => return Left::At(rip_after(vm, cur)),
                                Progress::Partial => return Left::At(here),
                                Progress::Fault => {
                                    vm.cpu.rip = here;
                                    return Left::Exit(vm.exit);
                                }
                            }
                        }
                    }
                    continue 'run;
                };

                let link = &cur.links[k & 1];
                let target = vm.r[BLK].wrapping_add(link.delta as u64);
                if link.to != NO_BLOCK {
                    let next = &blocks[link.to as usize];
                    let count = u64::from(next.count);
                    // Inside a page the frame is the same; elsewhere the mapping decides.
                    let same = (target ^ vm.r[BLK]) < 4096;
                    if count <= left && (same || vm.space.tlb.exec(target) == Some(next.frame)) {
                        left -= count;
                        pc = next.start as usize;
                        cur = next;
                        cur_id = link.to;
                        vm.r[BLK] = target;
                        continue 'run;
                    }
                }
                self.pending = Some((cur_id, k & 1));
                self.left = left;
                return Left::At(target);
            };

            if let Some(frame) = vm.space.tlb.exec(target)
                && let Some(id) = cache::front(front, frame << 12 | (target as u32 & 0xfff))
            {
                let next = &blocks[id as usize];
                let count = u64::from(next.count);
                if count <= left {
                    left -= count;
                    pc = next.start as usize;
                    cur = next;
                    cur_id = id;
                    vm.r[BLK] = target;
                    continue 'run;
                }
            }
            self.left = left;
            return Left::At(target);
        };

        let count = u64::from(cur.count);
        let origin = origins[if stop == Stop::Exit { pc - 1 } else { pc }];
        self.left = left + count - u64::from(origin.index);
        let at = vm.r[BLK].wrapping_add(u64::from(origin.offset));
        if stop == Stop::Leave {
            return Left::At(at);
        }
        vm.cpu.rip = at;
        if vm.noncanonical && on_stack(vm, &ops[..pc]) {
            return Left::Exit(Exit::StackFault);
        }
        Left::Exit(vm.exit)
    }
}

/// The address after the running block, which is where its last instruction ends.
#[inline(always)]
fn rip_after(vm: &Vm, block: &cache::Block) -> u64 {
    vm.r[usize::from(BLOCK)].wrapping_add(block.links[0].delta as u64)
}
