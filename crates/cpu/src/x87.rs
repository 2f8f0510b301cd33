//! The x87 unit.

use crate::forms::Form;
use crate::inst::Inst;
use crate::op::Op;
use crate::state::Exit;
use crate::vm::{Stop, Vm};

/// What an x87 instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum X87Op {
    Nop,
}

/// Adds the rows.
pub(crate) fn forms(_rows: &mut Vec<Form>) {}

/// The micro-operation for `op`; `t` has the operands.
pub(crate) fn lower(_op: X87Op, _inst: &Inst, t: Op) -> Op {
    t
}

/// #MF when an earlier instruction left an unmasked exception.
pub(crate) fn check_pending(_vm: &mut Vm) -> Result<(), Stop> {
    Ok(())
}

/// Runs an x87 instruction.
pub(crate) fn run(vm: &mut Vm, _op: &Op) -> Result<(), Stop> {
    Err(vm.stop(Exit::InvalidOpcode))
}
