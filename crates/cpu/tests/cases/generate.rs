//! Random cases of one instruction form.

use glassdock_cpu::forms::{Args, Form, Imm, Kind, Prefix, Rm, Size};
use glassdock_cpu::sse::{Lanes, SseOp};
use glassdock_cpu::{decode, rflags};
use glassdock_cpu_oracle::{CODE, CODE_LEN, DATA, DATA_LEN, Registers, TRAP};

use super::rng::Rng;

const RSP: usize = 4;

/// One case: the state before.
pub struct Case {
    pub bytes: Vec<u8>,
    pub code: Vec<u8>,
    pub data: Vec<u8>,
    pub regs: Registers,
    /// The address of the memory operand, if there is one.
    pub target: u64,
}

/// What the operands are filled with.
#[derive(Clone, Copy, PartialEq)]
enum Fill {
    Words,
    Singles,
    Doubles,
    Extended,
}

fn fill_of(form: &Form, rng: &mut Rng) -> Fill {
    use glassdock_cpu::Convert as C;
    match form.kind {
        Kind::Sse(SseOp::Arith(_, l) | SseOp::Compare(l) | SseOp::Comi(_, l)) => match l {
            Lanes::Ps | Lanes::Ss => Fill::Singles,
            _ => Fill::Doubles,
        },
        Kind::Sse(SseOp::Convert(c)) => match c {
            C::Tps2pi
            | C::Tss2si
            | C::Ps2pi
            | C::Ss2si
            | C::Ps2pd
            | C::Ss2sd
            | C::Ps2dq
            | C::Tps2dq => Fill::Singles,
            C::Pi2ps | C::Pi2pd | C::Si2ss | C::Si2sd | C::Dq2ps | C::Dq2pd => Fill::Words,
            _ => Fill::Doubles,
        },
        Kind::X87(_) => rng.pick(&[Fill::Words, Fill::Singles, Fill::Doubles, Fill::Extended]),
        _ => Fill::Words,
    }
}

/// Branches, before which processors read 0x66 differently.
pub fn near_branch(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Jcc
            | Kind::Jmp
            | Kind::Call
            | Kind::Loop
            | Kind::Loope
            | Kind::Loopne
            | Kind::Jrcxz
            | Kind::JmpInd
            | Kind::CallInd
            | Kind::Ret
            | Kind::RetImm
    )
}

/// A case of `form`.
pub fn case(form: &Form, rng: &mut Rng) -> Case {
    let fill = fill_of(form, rng);
    let mut regs = registers(form, fill, rng);
    let mut data = data(fill, rng);
    let is_string = matches!(form.kind, Kind::Str(_) | Kind::Xlat);
    let modrm_mem = match form.rm {
        Rm::None | Rm::Reg | Rm::Always | Rm::Exact(_) => false,
        Rm::Mem => true,
        Rm::Any => rng.chance(50),
    };
    let mem = modrm_mem || is_string || matches!(form.imm, Imm::Moffs);
    let (mut bytes, rex, p66, addr32) = prefixes(form, mem, modrm_mem, rng);
    let seg = bytes.iter().rfind(|b| matches!(b, 0x64 | 0x65)).copied();
    let seg_base = match seg {
        Some(0x64) => regs.fs_base,
        Some(_) => regs.gs_base,
        None => 0,
    };
    if form.map == 1 {
        bytes.push(0x0f);
    }
    bytes.push(form.opcode);
    let mut rip_disp = None;
    // Most operands are in the middle of the data; some cross pages or leave the mapping.
    let mut target = DATA + 256 + 8 * rng.below(900);
    if rng.chance(30) {
        target += rng.below(8);
    }
    if rng.chance(60) {
        target &= !15;
    }
    if rng.chance(5) {
        target = DATA + 4096 - rng.below(20);
    }
    if rng.chance(2) {
        target = DATA + DATA_LEN as u64 - rng.below(20);
    }
    if form.rm != Rm::None {
        modrm(
            form,
            modrm_mem,
            rex,
            target.wrapping_sub(seg_base),
            addr32,
            &mut regs,
            &mut bytes,
            &mut rip_disp,
            rng,
        );
    }
    let wide = rex & 8 != 0;
    let size = match form.size {
        Size::B => 1,
        Size::V if wide => 8,
        Size::V if p66 => 2,
        Size::V => 4,
        Size::D64 if p66 && !wide => 2,
        Size::D64 | Size::Q => 8,
        Size::Dq => {
            if wide {
                8
            } else {
                4
            }
        }
    };
    immediate(
        form,
        size,
        addr32,
        target.wrapping_sub(seg_base),
        &mut bytes,
        rng,
    );
    let mut at = CODE + 2048;
    if rng.chance(1) {
        at = CODE + CODE_LEN as u64 - rng.below(bytes.len() as u64 + 1);
    }
    if let Some(place) = rip_disp {
        let disp = target
            .wrapping_sub(seg_base)
            .wrapping_sub(at + bytes.len() as u64) as u32;
        bytes[place..place + 4].copy_from_slice(&disp.to_le_bytes());
    }
    regs.rip = at;
    special(
        form, rex, size, modrm_mem, target, &mut regs, &mut data, &bytes, rng,
    );
    let mut code = vec![TRAP; CODE_LEN];
    let from = (at - CODE) as usize;
    let n = bytes.len().min(CODE_LEN - from);
    code[from..from + n].copy_from_slice(&bytes[..n]);
    Case {
        bytes,
        code,
        data,
        regs,
        target,
    }
}

fn prefixes(form: &Form, mem: bool, modrm_mem: bool, rng: &mut Rng) -> (Vec<u8>, u8, bool, bool) {
    let mut p = Vec::new();
    let branch = near_branch(form.kind);
    let any = form.prefix == Prefix::Any;
    let p66 = match form.prefix {
        Prefix::P66 => true,
        Prefix::Any => !branch && rng.chance(if form.size == Size::V { 25 } else { 8 }),
        Prefix::Np => false,
        _ => rng.chance(4),
    };
    if p66 {
        p.push(0x66);
    }
    match form.prefix {
        Prefix::F2 => p.push(0xf2),
        Prefix::F3 => p.push(0xf3),
        _ => {}
    }
    if matches!(form.kind, Kind::Str(_)) {
        match rng.below(3) {
            0 => p.push(0xf2),
            1 => p.push(0xf3),
            _ => {}
        }
    } else if any && matches!(form.kind, Kind::Alu(_) | Kind::Mov | Kind::Lea) && rng.chance(3) {
        p.push(rng.pick(&[0xf2, 0xf3]));
    }
    let addr32 =
        (mem || matches!(
            form.kind,
            Kind::Loop | Kind::Loope | Kind::Loopne | Kind::Jrcxz
        )) && rng.chance(8);
    if addr32 {
        p.push(0x67);
    }
    if mem && rng.chance(8) {
        p.push(rng.pick(&[0x64, 0x65]));
    }
    if rng.chance(3) {
        p.push(rng.pick(&[0x26, 0x2e, 0x36, 0x3e]));
    }
    if form.lock && modrm_mem && rng.chance(15)
        || rng.chance(1)
        && form.rm != Rm::None
        && any
        // AMD reads `lock mov cr0` as `mov cr8`.
        && form.kind != Kind::Privileged
    {
        p.push(0xf0);
    }
    for i in (1..p.len()).rev() {
        let j = rng.below(i as u64 + 1) as usize;
        p.swap(i, j);
    }
    let mut rex = 0;
    if rng.chance(55) {
        rex = 0x40 | rng.below(16) as u8;
        p.push(rex);
    }
    (p, rex, p66, addr32)
}

#[allow(clippy::too_many_arguments)]
fn modrm(
    form: &Form,
    mem: bool,
    rex: u8,
    target: u64,
    addr32: bool,
    regs: &mut Registers,
    bytes: &mut Vec<u8>,
    rip_disp: &mut Option<usize>,
    rng: &mut Rng,
) {
    let reg = form.ext.unwrap_or(rng.below(8) as u8);
    if !mem {
        let rm = match form.rm {
            Rm::Exact(rm) => rm,
            _ => rng.below(8) as u8,
        };
        bytes.push(0xc0 | reg << 3 | rm);
        return;
    }
    let mode = rng.below(3) as u8;
    let rm = rng.below(8) as u8;
    bytes.push(mode << 6 | reg << 3 | rm);
    let (b, x) = ((rex & 1) << 3, (rex & 2) << 2);
    let (mut base, mut index, mut scale) = (Some(rm | b), None, 0);
    let mut disp_len = [0, 1, 4][usize::from(mode)];
    if rm == 4 {
        let sib = rng.next() as u8;
        bytes.push(sib);
        scale = sib >> 6;
        let i = sib >> 3 & 7 | x;
        index = (i != 4).then_some(i);
        base = Some(sib & 7 | b);
        if sib & 7 == 5 && mode == 0 {
            base = None;
            disp_len = 4;
        }
    } else if rm == 5 && mode == 0 {
        *rip_disp = Some(bytes.len());
        bytes.extend([0; 4]);
        return;
    }
    let mut disp: i64 = match disp_len {
        0 => 0,
        1 => i64::from(rng.next() as i8),
        _ => i64::from(rng.next() as i32 >> rng.below(20)),
    };
    let set = |regs: &mut Registers, r: u8, v: u64, rng: &mut Rng| {
        let high = if addr32 { rng.next() << 32 } else { 0 };
        regs.gpr[usize::from(r)] = v | high;
    };
    match (base, index) {
        (Some(r), Some(i)) if r != i => {
            let v = rng.below(16);
            set(regs, i, v, rng);
            let sum = (v << scale).wrapping_add(disp as u64);
            set(regs, r, mask(target.wrapping_sub(sum), addr32), rng);
        }
        (Some(r), Some(_)) => {
            let v = rng.below(1 << 20);
            set(regs, r, v, rng);
            if disp_len == 4 {
                disp = target.wrapping_sub(v + (v << scale)) as i64;
            }
        }
        (Some(r), None) => {
            set(regs, r, mask(target.wrapping_sub(disp as u64), addr32), rng);
        }
        (None, Some(i)) => {
            let v = rng.below(1 << 20);
            set(regs, i, v, rng);
            disp = target.wrapping_sub(v << scale) as i64;
        }
        (None, None) => disp = target as i64,
    }
    bytes.extend(&disp.to_le_bytes()[..disp_len]);
}

fn mask(v: u64, addr32: bool) -> u64 {
    if addr32 { v & 0xffff_ffff } else { v }
}

fn immediate(form: &Form, size: u8, addr32: bool, target: u64, bytes: &mut Vec<u8>, rng: &mut Rng) {
    let word = rng.word();
    match form.imm {
        Imm::None => {}
        Imm::Ib => {
            let mut v = word as u8;
            // `int 0x80` calls the host's kernel; `int 4` reports after the instruction, and has no
            // use.
            if form.opcode == 0xcd && matches!(v, 0x80 | 4) {
                v = 0x81;
            }
            bytes.push(v);
        }
        Imm::Iw => bytes.extend(&(word as u16).to_le_bytes()),
        Imm::Iz => bytes.extend(&word.to_le_bytes()[..usize::from(size.min(4))]),
        Imm::Iv => bytes.extend(&word.to_le_bytes()[..usize::from(size)]),
        Imm::IwIb => {
            let level = if rng.chance(50) {
                rng.below(4) as u8
            } else {
                rng.next() as u8
            };
            bytes.extend(&(word as u16 & 0xfff).to_le_bytes());
            bytes.push(level);
        }
        Imm::Moffs if addr32 => bytes.extend(&(target as u32).to_le_bytes()),
        Imm::Moffs => bytes.extend(&target.to_le_bytes()),
        Imm::Rel8 => {
            let v = if rng.chance(50) {
                rng.below(100) as i8
            } else {
                -30 - rng.below(90) as i8
            };
            bytes.push(v as u8);
        }
        Imm::Rel32 => {
            let v = match rng.below(8) {
                0 => rng.next() as i32 | 0x100_0000,
                1..4 => -30 - rng.below(1500) as i32,
                _ => rng.below(1500) as i32,
            };
            bytes.extend(&v.to_le_bytes());
        }
    }
}

fn registers(form: &Form, fill: Fill, rng: &mut Rng) -> Registers {
    let mut gpr: [u64; 16] = std::array::from_fn(|_| rng.word());
    gpr[RSP] = DATA + 4096 + 8 * rng.below(64);
    if rng.chance(3) {
        gpr[RSP] = DATA + rng.below(24);
    }
    if rng.chance(2) {
        gpr[RSP] = rng.word();
    }
    let mut flags = rng.next() & rflags::ARITH | 0x202;
    if rng.chance(20) {
        flags |= rflags::DF;
    }
    let mut fx = [0u8; 512];
    // Round to nearest and all masked is what programs use; the rest is rarer here too.
    let mut mxcsr = 0x1f80;
    if rng.chance(60) {
        mxcsr |= (rng.next() as u32) & 0xe07f;
    }
    if rng.chance(20) {
        mxcsr &= !((rng.next() as u32) & 0x1f80);
    }
    let mut control = 0x37f;
    if rng.chance(50) {
        control = 0x7f | (rng.next() as u16) & 0x0c00 | rng.pick(&[0u16, 0x200, 0x300]);
    }
    if rng.chance(25) {
        control &= !(rng.next() as u16 & 0x3f);
    }
    let mut status = (rng.next() as u16) & 0x7f00;
    if rng.chance(40) {
        status |= rng.next() as u16 & control & 0x7f;
    }
    if rng.chance(3) {
        status |= rng.next() as u16 & 0x3f;
    }
    if status & !control & 0x3f != 0 {
        status |= 0x8080;
    } else {
        status &= !0x8080;
    }
    let mmx = matches!(form.kind, Kind::Sse(_));
    let used = if rng.chance(60) {
        0xff
    } else {
        rng.next() as u8
    };
    fx[0..2].copy_from_slice(&control.to_le_bytes());
    fx[2..4].copy_from_slice(&status.to_le_bytes());
    fx[4] = used;
    fx[24..28].copy_from_slice(&mxcsr.to_le_bytes());
    for i in 0..8 {
        let at = 32 + 16 * i;
        let (mant, se) = if mmx {
            (rng.word(), rng.next() as u16)
        } else {
            rng.extended()
        };
        fx[at..at + 8].copy_from_slice(&mant.to_le_bytes());
        fx[at + 8..at + 10].copy_from_slice(&se.to_le_bytes());
    }
    for i in 0..32 {
        let at = 160 + 8 * i;
        fx[at..at + 8].copy_from_slice(&element(fill, rng));
    }
    Registers {
        gpr,
        rip: 0,
        rflags: flags,
        fs_base: rng.below(4096),
        gs_base: DATA + rng.below(256),
        fx,
    }
}

fn element(fill: Fill, rng: &mut Rng) -> [u8; 8] {
    match fill {
        Fill::Singles => (u64::from(rng.single()) | u64::from(rng.single()) << 32).to_le_bytes(),
        Fill::Doubles => rng.double().to_le_bytes(),
        _ => rng.word().to_le_bytes(),
    }
}

fn data(fill: Fill, rng: &mut Rng) -> Vec<u8> {
    // A pattern, since random bytes cost more than the case does.
    let mut pattern = Vec::with_capacity(240);
    while pattern.len() < 240 {
        if fill == Fill::Extended {
            let (mant, se) = rng.extended();
            pattern.extend(mant.to_le_bytes());
            pattern.extend(se.to_le_bytes());
        } else {
            pattern.extend(element(fill, rng));
        }
    }
    let period = if fill == Fill::Extended { 240 } else { 232 };
    (0..DATA_LEN).map(|i| pattern[i % period]).collect()
}

/// What particular instructions need to be interesting.
#[allow(clippy::too_many_arguments)]
fn special(
    form: &Form,
    rex: u8,
    size: u8,
    mem: bool,
    target: u64,
    regs: &mut Registers,
    data: &mut [u8],
    bytes: &[u8],
    rng: &mut Rng,
) {
    let put = |data: &mut [u8], addr: u64, v: u64| {
        let at = addr.wrapping_sub(DATA) as usize;
        if at < DATA_LEN - 8 {
            data[at..at + 8].copy_from_slice(&v.to_le_bytes());
        }
    };
    let landing = CODE + 100 + rng.below(3000);
    match form.kind {
        Kind::Str(_) => {
            regs.gpr[6] = DATA + 1024 + rng.below(3000);
            regs.gpr[7] = DATA + 1024 + rng.below(3000);
            regs.gpr[1] = if rng.chance(90) {
                rng.below(40)
            } else {
                rng.below(5000)
            };
            if rng.chance(3) {
                regs.gpr[1] = rng.word() & !(0xff << 24);
            }
        }
        Kind::Ldmxcsr | Kind::Fxrstor => {
            let at = if form.kind == Kind::Fxrstor {
                target + 24
            } else {
                target
            };
            let from = at.wrapping_sub(DATA) as usize;
            if from < DATA_LEN - 8 {
                // The host has bit 17 of MXCSR too (AMD's misaligned mode).
                data[from + 2] &= !2;
                if rng.chance(70) {
                    data[from + 2..from + 4].fill(0);
                }
            }
        }
        Kind::Xlat => regs.gpr[3] = DATA + rng.below(4096),
        Kind::Sse(SseOp::Maskmovdqu | SseOp::MmxMaskmovq) => {
            // Whether masked-out bytes can fault is left to the processor.
            regs.gpr[7] = DATA + rng.below(8176);
        }
        Kind::Ret | Kind::RetImm if rng.chance(85) => put(data, regs.gpr[RSP], landing),
        Kind::JmpInd | Kind::CallInd if rng.chance(85) => {
            if mem {
                put(data, target, landing);
            } else {
                let rm = bytes[bytes.len() - 1] & 7 | (rex & 1) << 3;
                regs.gpr[usize::from(rm)] = landing;
            }
        }
        Kind::Leave | Kind::Enter => regs.gpr[5] = DATA + 4096 + rng.below(2048),
        Kind::Div | Kind::Idiv if rng.chance(75) => {
            let v = rng.word();
            regs.gpr[0] = v;
            let shift = 64 - 8 * u32::from(size);
            let sign = ((v << shift) as i64 >> 63) as u64;
            regs.gpr[2] = if form.kind == Kind::Idiv {
                sign
            } else {
                rng.below(3)
            };
            if size == 1 {
                regs.gpr[0] = rng.below(0x1000);
            }
        }
        Kind::Loop | Kind::Loope | Kind::Loopne | Kind::Jrcxz if rng.chance(50) => {
            regs.gpr[1] = rng.below(3);
        }
        Kind::Cmpxchg | Kind::Cmpxchg16b if rng.chance(50) => {
            let at = target.wrapping_sub(DATA) as usize;
            if mem && at < DATA_LEN - 16 {
                let word =
                    |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().unwrap_or_default());
                regs.gpr[0] = word(at);
                regs.gpr[2] = if size == 8 {
                    word(at + 8)
                } else {
                    word(at) >> 32
                };
            } else {
                regs.gpr[0] = regs.gpr[rng.below(16) as usize];
            }
        }
        _ => {}
    }
    let counted = matches!(form.args, Args::EC | Args::EGC) && !addressed_by(bytes, 1);
    if counted && rng.chance(70) {
        regs.gpr[1] = regs.gpr[1] & !0xff | rng.below(70);
    }
}

/// Whether register `reg` is part of the memory operand's address.
fn addressed_by(bytes: &[u8], reg: u8) -> bool {
    let mem = decode::decode(bytes).ok().and_then(|inst| inst.mem);
    mem.is_some_and(|m| [m.base, m.index].contains(&Some(reg)))
}
