//! Bytes to instructions.

use crate::forms::{Args, Form, Imm, Kind, Prefix, Rm, Size, rows};
use crate::inst::{Inst, Mem, Segment};

/// Longest instruction, in bytes.
pub const MAX_LEN: usize = 15;

/// Why bytes are not an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// More bytes are needed to tell.
    Truncated,
    /// #UD
    Invalid,
    /// #GP: longer than 15 bytes.
    TooLong,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn u8(&mut self) -> Result<u8, DecodeError> {
        if self.at >= MAX_LEN {
            return Err(DecodeError::TooLong);
        }
        let b = *self.bytes.get(self.at).ok_or(DecodeError::Truncated)?;
        self.at += 1;
        Ok(b)
    }

    fn le(&mut self, n: usize) -> Result<u64, DecodeError> {
        (0..n).try_fold(0u64, |v, i| Ok(v | u64::from(self.u8()?) << (8 * i)))
    }

    fn signed(&mut self, n: usize) -> Result<i64, DecodeError> {
        let shift = 64 - 8 * n as u32;
        Ok((self.le(n)? << shift) as i64 >> shift)
    }
}

#[derive(Clone, Copy)]
struct Prefixes {
    p66: bool,
    rep: u8,
    lock: bool,
    addr32: bool,
    segment: Segment,
    rex: u8,
}

/// Decodes the instruction at the start of `bytes`.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(bytes: &[u8]) -> Result<Inst, DecodeError> {
    let mut r = Reader { bytes, at: 0 };
    let (p, mut opcode) = prefixes(&mut r)?;
    let mut map = 0;
    if opcode == 0x0f {
        map = 1;
        opcode = r.u8()?;
    }
    let candidates = rows(map, opcode);
    let Some(any) = candidates.first() else {
        return Err(DecodeError::Invalid);
    };
    let modrm = if any.rm == Rm::None { 0 } else { r.u8()? };
    let form = choose(candidates, p, modrm).ok_or(DecodeError::Invalid)?;
    let mut inst = Inst {
        form,
        len: 0,
        size: operand_size(form, p),
        reg: modrm >> 3 & 7 | (p.rex & 4) << 1,
        rm: modrm & 7 | (p.rex & 1) << 3,
        mem: None,
        imm: 0,
        low: opcode & 15,
        rex: p.rex != 0,
        wide: p.rex & 8 != 0,
        lock: p.lock,
        rep: p.rep,
        addr32: p.addr32,
        segment: p.segment,
    };
    if matches!(form.args, Args::O | Args::OI) && form.rm == Rm::None {
        inst.reg = opcode & 7 | (p.rex & 1) << 3;
    }
    if !matches!(form.rm, Rm::None | Rm::Always) && modrm < 0xc0 {
        inst.mem = Some(memory(&mut r, p, modrm)?);
    }
    if p.lock && !(form.lock && inst.mem.is_some()) {
        return Err(DecodeError::Invalid);
    }
    inst.imm = immediate(&mut r, form, &inst)?;
    inst.len = r.at as u8;
    Ok(inst)
}

fn prefixes(r: &mut Reader) -> Result<(Prefixes, u8), DecodeError> {
    let mut p = Prefixes {
        p66: false,
        rep: 0,
        lock: false,
        addr32: false,
        segment: Segment::None,
        rex: 0,
    };
    loop {
        let b = r.u8()?;
        // A REX prefix counts only directly before the opcode.
        let rex = std::mem::take(&mut p.rex);
        match b {
            0x66 => p.p66 = true,
            0x67 => p.addr32 = true,
            0xf0 => p.lock = true,
            0xf2 | 0xf3 => p.rep = b,
            0x64 => p.segment = Segment::Fs,
            0x65 => p.segment = Segment::Gs,
            0x26 | 0x2e | 0x36 | 0x3e => {}
            0x40..=0x4f => p.rex = b,
            _ => {
                p.rex = rex;
                return Ok((p, b));
            }
        }
    }
}

fn choose(candidates: &'static [Form], p: Prefixes, modrm: u8) -> Option<&'static Form> {
    let mandatory = match (p.rep, p.p66) {
        (0xf3, _) => Prefix::F3,
        (0xf2, _) => Prefix::F2,
        (_, true) => Prefix::P66,
        _ => Prefix::Np,
    };
    candidates.iter().find(|f| {
        let rm = match f.rm {
            Rm::None | Rm::Any | Rm::Always => true,
            Rm::Mem => modrm < 0xc0,
            Rm::Reg => modrm >= 0xc0,
            Rm::Exact(rm) => modrm >= 0xc0 && modrm & 7 == rm,
        };
        rm && f.ext.is_none_or(|e| e == modrm >> 3 & 7)
            && (f.prefix == Prefix::Any || f.prefix == mandatory)
    })
}

fn operand_size(form: &Form, p: Prefixes) -> u8 {
    let wide = p.rex & 8 != 0;
    match form.size {
        Size::B => 1,
        Size::V if wide => 8,
        Size::V if p.p66 => 2,
        Size::V => 4,
        Size::D64 if p.p66 && !wide => 2,
        Size::D64 | Size::Q => 8,
        Size::Dq => 4 << u8::from(wide),
    }
}

fn memory(r: &mut Reader, p: Prefixes, modrm: u8) -> Result<Mem, DecodeError> {
    let (mode, low) = (modrm >> 6, modrm & 7);
    let mut mem = Mem {
        base: Some(low | (p.rex & 1) << 3),
        index: None,
        scale: 0,
        disp: 0,
        rip: false,
        segment: p.segment,
        addr32: p.addr32,
    };
    if low == 4 {
        let sib = r.u8()?;
        mem.scale = sib >> 6;
        let index = sib >> 3 & 7 | (p.rex & 2) << 2;
        mem.index = (index != 4).then_some(index);
        mem.base = Some(sib & 7 | (p.rex & 1) << 3);
        if sib & 7 == 5 && mode == 0 {
            mem.base = None;
            mem.disp = r.signed(4)?;
        }
    } else if low == 5 && mode == 0 {
        mem.base = None;
        mem.rip = true;
        mem.disp = r.signed(4)?;
    }
    match mode {
        1 => mem.disp = r.signed(1)?,
        2 => mem.disp = r.signed(4)?,
        _ => {}
    }
    Ok(mem)
}

fn immediate(r: &mut Reader, form: &Form, inst: &Inst) -> Result<i64, DecodeError> {
    Ok(match form.imm {
        Imm::None => 0,
        Imm::Ib | Imm::Rel8 => r.signed(1)?,
        Imm::Iw => r.le(2)? as i64,
        Imm::Iz if inst.size == 2 => r.signed(2)?,
        Imm::Iz | Imm::Rel32 => r.signed(4)?,
        Imm::Iv => r.signed(usize::from(inst.size))?,
        Imm::IwIb => r.le(3)? as i64,
        Imm::Moffs if inst.addr32 => r.le(4)? as i64,
        Imm::Moffs => r.le(8)? as i64,
    })
}

impl Inst {
    /// Whether this ends a basic block because control may go elsewhere.
    pub(crate) fn ends_block(&self) -> bool {
        matches!(
            self.form.kind,
            Kind::Ret
                | Kind::RetImm
                | Kind::Int3
                | Kind::Privileged
                | Kind::Ud
                | Kind::Jcc
                | Kind::Loopne
                | Kind::Loope
                | Kind::Loop
                | Kind::Jrcxz
                | Kind::Call
                | Kind::Jmp
                | Kind::CallInd
                | Kind::JmpInd
                | Kind::Syscall
                | Kind::Rdtsc
                | Kind::Popf
        ) || matches!(self.form.kind, Kind::Str(_))
    }
}
