//! Which shapes of a form were run, so that none is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use glassdock_cpu::decode::decode;
use glassdock_cpu::forms::{Form, Kind, Prefix, Rm, Size};

use crate::cases::Outcome;
use crate::cases::generate::{Case, near_branch};

/// What a form can be run as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    form: String,
    /// Bytes of the operand.
    size: u8,
    memory: bool,
    lock: bool,
    /// The repeat prefix of a string instruction.
    rep: u8,
}

/// What was run.
#[derive(Default)]
pub struct Coverage {
    shapes: BTreeSet<Shape>,
    /// Cases by the signal in which they ended.
    pub signals: BTreeMap<i32, u64>,
}

/// A form's name with its encoding.
pub fn name(form: &Form) -> String {
    format!(
        "{} map {} {:02x} {:?} {:?} {:?} {:?}",
        form.name, form.map, form.opcode, form.prefix, form.ext, form.rm, form.args
    )
}

impl Coverage {
    /// Counts a case, as a shape only if the bytes mean this form and it did not fault (but for
    /// forms that always do).
    pub fn note(&mut self, form: &Form, case: &Case, real: &Outcome) {
        *self.signals.entry(real.signal).or_default() += 1;
        let Ok(inst) = decode(&case.bytes) else {
            return;
        };
        if std::ptr::eq(inst.form, form) && (real.signal == 5 || always_faults(form)) {
            self.shapes.insert(Shape {
                form: name(form),
                size: inst.size,
                memory: inst.mem.is_some(),
                lock: inst.lock,
                rep: if string(form) { inst.rep } else { 0 },
            });
        }
    }

    /// The shapes that should have been run and were not.
    pub fn missing(&self, forms: &[&Form]) -> Vec<String> {
        let expected = forms.iter().flat_map(|form| expected(form));
        expected
            .filter(|shape| !self.shapes.contains(shape))
            .map(|shape| format!("{shape:?}"))
            .collect()
    }
}

fn string(form: &Form) -> bool {
    matches!(form.kind, Kind::Str(_))
}

fn always_faults(form: &Form) -> bool {
    matches!(form.kind, Kind::Privileged | Kind::Ud)
}

fn expected(form: &Form) -> Vec<Shape> {
    let sizes: &[u8] = match (form.size, form.prefix) {
        (Size::B, _) => &[1],
        (Size::Q, _) => &[8],
        // 0x66 before a branch means different things to different processors.
        (Size::V, _) if near_branch(form.kind) => &[4, 8],
        (Size::D64, _) if near_branch(form.kind) => &[8],
        (Size::V, Prefix::P66) => &[2, 8],
        (Size::V, Prefix::Np) | (Size::Dq, _) => &[4, 8],
        (Size::V, _) => &[2, 4, 8],
        (Size::D64, _) => &[2, 8],
    };
    let places: &[bool] = match form.rm {
        Rm::Any => &[false, true],
        Rm::Mem => &[true],
        Rm::None | Rm::Reg | Rm::Exact(_) | Rm::Always => &[false],
    };
    let reps: &[u8] = if string(form) { &[0, 0xf2, 0xf3] } else { &[0] };
    let mut shapes = Vec::new();
    for &size in sizes {
        for &memory in places {
            for &rep in reps {
                let shape = Shape {
                    form: name(form),
                    size,
                    memory,
                    lock: false,
                    rep,
                };
                if form.lock && memory {
                    shapes.push(Shape {
                        lock: true,
                        ..shape.clone()
                    });
                }
                shapes.push(shape);
            }
        }
    }
    shapes
}
