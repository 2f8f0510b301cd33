//! Runs a program: finds blocks, follows links between them, keeps the budget.

mod blocks;
pub(crate) mod cold;

use crate::cache::CodeCache;
use crate::flags::Flags;
use crate::frames::Frames;
use crate::op::{Code, FS, GS, Op, SLOTS, T0, ZERO};
use crate::space::AddressSpace;
use crate::state::{Cpu, Exit, Run, reg, rflags};
use crate::vm::{Vm, canonical};

/// How the inner loop was left.
enum Left {
    /// Find the block at this address.
    At(u64),
    /// Done; rip and the count are set.
    Exit(Exit),
}

impl Cpu {
    /// Runs until something needs the kernel, at most `budget` instructions. The count and the
    /// place where a budget ends depend on the program only, not on what is cached.
    pub fn run(&mut self, space: &mut AddressSpace, frames: &mut Frames, budget: u64) -> Run {
        let Frames { store, code } = frames;
        space.sync(store);
        let mut runner = Runner {
            left: budget,
            budget,
            repeats: 0,
            code,
            pending: None,
        };
        let mut vm = Vm {
            r: slots(self),
            fl: Flags::eager(self.flags),
            exit: Exit::Budget,
            noncanonical: false,
            cpu: self,
            space,
            store,
        };
        let exit = runner.run(&mut vm);
        let retired = budget - runner.left;
        vm.cpu.flags = vm.rflags();
        vm.cpu.gpr.copy_from_slice(&vm.r[..16]);
        vm.cpu.tsc = vm.cpu.tsc.wrapping_add(retired);
        let repeats = runner.repeats;
        Run {
            exit,
            retired,
            repeats,
        }
    }
}

fn slots(cpu: &Cpu) -> [u64; SLOTS] {
    let mut r = [0; SLOTS];
    r[..16].copy_from_slice(&cpu.gpr);
    r[usize::from(FS)] = cpu.fs_base;
    r[usize::from(GS)] = cpu.gs_base;
    r
}

struct Runner<'a> {
    /// Instructions that may still be retired.
    left: u64,
    /// Instructions that could be retired at the start.
    budget: u64,
    /// See [`Run::repeats`].
    repeats: u64,
    code: &'a mut CodeCache,
    /// The block and the link that should lead to the block that is looked up next.
    pending: Option<(u32, usize)>,
}

impl Runner<'_> {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        let mut rip = vm.cpu.rip;
        loop {
            let step = vm.cpu.flags & rflags::TF != 0;
            let before = self.left;
            let allowed = if step { before.min(1) } else { before };
            let entered = if allowed == 0 {
                Err(Exit::Budget)
            } else {
                self.enter(vm, rip, allowed)
            };
            let (id, short) = match entered {
                Ok(found) => found,
                Err(exit) => {
                    vm.cpu.rip = rip;
                    return exit;
                }
            };
            self.left = allowed;
            let left = self.blocks(vm, id, rip);
            self.left += before - allowed;
            if short {
                self.code.forget_last();
                self.pending = None;
            }
            match left {
                Left::Exit(exit) => return exit,
                Left::At(next) => rip = next,
            }
            if step && self.left != before {
                vm.cpu.rip = rip;
                return Exit::DebugTrap;
            }
        }
    }

    /// The block at `rip`, cut short where it has more than `allowed` instructions; and whether
    /// it was.
    fn enter(&mut self, vm: &mut Vm, rip: u64, allowed: u64) -> Result<(u32, bool), Exit> {
        let epoch = self.code.epoch;
        let pending = self.pending.take();
        let id = self.code.find(vm.space, vm.store, rip)?;
        if u64::from(self.code.blocks[id as usize].count) > allowed {
            let short = self
                .code
                .decode_short(vm.space, vm.store, rip, allowed as usize)?;
            return Ok((short, true));
        }
        if let Some((from, k)) = pending
            && epoch == self.code.epoch
            && self.code.linkable(id)
            && let Some(block) = self.code.blocks.get_mut(from as usize)
        {
            block.links[k & 1].to = id;
        }
        Ok((id, false))
    }
}

/// Whether an address that is not canonical was one of the stack's: with rsp or rbp as its base,
/// or of an instruction that pushes or pops. The last of `ops` is the one that failed.
#[cold]
fn on_stack(vm: &Vm, ops: &[Op]) -> bool {
    use Code::{Call, CallR, Leave, Pop, Pop2, PopRet, Popf, Push, Push2, PushI, Ret, RetI};
    let Some(op) = ops.last() else { return false };
    let stack = matches!(
        op.code,
        Push | Push2 | PushI | Pop | Pop2 | PopRet | Popf | Leave | Call | CallR | Ret | RetI
    );
    let rare = op.code == Code::Cold && cold::uses_stack(op) && !canonical(vm.r[reg::RSP]);
    let mut base = op.base;
    if base == T0 {
        // The address was computed before; a segment override makes it no stack address.
        let from = ops.iter().rev().skip(1).take(4).find(|o| o.a == T0);
        base = from
            .filter(|o| o.code != Code::LeaT || o.d == ZERO)
            .map_or(ZERO, |o| o.base);
    }
    stack || rare || matches!(usize::from(base), reg::RSP | reg::RBP)
}
