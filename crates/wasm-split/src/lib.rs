//! Splits a wasm module in two.
//!
//! A page has its prompt long before it needs all of the machine's code. Which functions it needs until then, a rehearsal
//! tells: [`instrument`] makes a copy of the module that notes which of its functions were entered, and [`split`] makes
//! two modules of the original: a *primary* one, with these functions, and a *secondary* one with the others. Both have
//! one memory, one set of globals and the same tables, so the program does not know that it was split, and a copy of its
//! memory stays a copy of its state.
//!
//! A function that the primary module lacks but refers to is there as a stub: it calls the function's slot in an
//! exported table. Where the slot is empty, the stub first calls the import [`MORE`], which has to instantiate the
//! secondary module before it returns. That module's element segments fill the slots, and put its functions in place of
//! the stubs in the program's own tables.
//!
//! Supported is what rustc, wasm-bindgen and wasm-opt make of a program with one thread: modules with other features are
//! refused with an error that names them.

mod instrument;
mod module;
mod plan;
mod primary;
mod secondary;

pub use instrument::{FUNCTIONS, PROFILE, instrument};

use anyhow::{Result, ensure};

use module::Module;
use plan::Plan;

/// Module and name of the function that the primary module imports: it instantiates the secondary module.
pub const MORE: (&str, &str) = ("split", "more");

/// Module that the secondary one imports from: the exports of the primary instance.
pub const PRIMARY: &str = "primary";

/// What a module was split into.
#[derive(Debug)]
pub struct Split {
    /// The module to start with: the original's imports and [`MORE`]; its exports and those that the other one needs.
    pub primary: Vec<u8>,
    /// The module to load when [`MORE`] is called. It imports from [`PRIMARY`] only.
    pub secondary: Vec<u8>,
    /// How many functions are in the primary module, those not counted that stand for others.
    pub kept: usize,
    /// How many are in the secondary module.
    pub moved: usize,
}

/// Splits a module: `entered` has a byte for each of its own functions, not zero for those to start with.
///
/// # Errors
/// What is wrong with the module, or not supported in it; a profile of another module.
pub fn split(wasm: &[u8], entered: &[u8]) -> Result<Split> {
    let module = Module::read(wasm)?;
    let own = module.own().len();
    ensure!(
        entered.len() == own,
        "the profile is of {} functions, the module has {own}",
        entered.len()
    );
    let plan = Plan::new(&module, entered);
    let kept = entered.iter().filter(|entered| **entered != 0).count();
    Ok(Split {
        primary: primary::encode(wasm, &module, &plan)?,
        secondary: secondary::encode(wasm, &module, &plan)?,
        kept,
        moved: own - kept,
    })
}
