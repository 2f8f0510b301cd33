//! A copy of a module that notes which of its functions were entered.

use std::convert::Infallible;

use anyhow::{Context, Result, ensure};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, GlobalSection, GlobalType, Instruction,
    MemArg, MemArgTarget, MemorySection, ValType,
};
use wasmparser::{ExportSectionReader, FunctionBody, GlobalSectionReader, MemorySectionReader};

use crate::module::Module;

/// Name of the exported global that holds the address of the profile: a byte for each of the module's own functions,
/// 1 once it was entered.
pub const PROFILE: &str = "profile";

/// Name of the exported global that holds how many bytes the profile has.
pub const FUNCTIONS: &str = "functions";

/// Bytes of a page of wasm memory.
const PAGE: u64 = 65536;

struct Instrument {
    address: i32,
    functions: i32,
    pages: u64,
    globals: u32,
    next: u64,
}

/// Makes the copy. The profile lies behind the module's initial memory, where its allocator, which asks for more memory,
/// does not come.
///
/// # Errors
/// What is wrong with the module, or not supported in it.
pub fn instrument(wasm: &[u8]) -> Result<Vec<u8>> {
    let module = Module::read(wasm)?;
    let memory = module.memory.context("a memory")?;
    ensure!(!module.globals.is_empty(), "a module without globals");
    let mut instrument = Instrument {
        address: i32::try_from(memory.initial * PAGE).context("the memory's size")?,
        functions: i32::try_from(module.own().len()).context("the number of functions")?,
        pages: (module.own().len() as u64).div_ceil(PAGE),
        globals: module.globals.len() as u32,
        next: 0,
    };
    let mut out = wasm_encoder::Module::new();
    instrument.parse_core_module(&mut out, wasmparser::Parser::new(0), wasm)?;
    Ok(out.finish())
}

impl Reencode for Instrument {
    type Error = Infallible;

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader,
    ) -> Result<(), Error<Infallible>> {
        for memory in section {
            let mut ty = self.memory_type(memory?)?;
            ty.minimum += self.pages;
            ty.maximum = ty.maximum.map(|most| most.max(ty.minimum));
            memories.memory(ty);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_global_section(self, globals, section)?;
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: false,
            shared: false,
        };
        for value in [self.address, self.functions] {
            globals.global(ty, &ConstExpr::i32_const(value));
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(PROFILE, ExportKind::Global, self.globals);
        exports.export(FUNCTIONS, ExportKind::Global, self.globals + 1);
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody,
    ) -> Result<(), Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        function.instruction(&Instruction::I32Const(self.address));
        function.instruction(&Instruction::I32Const(1));
        function.instruction(&Instruction::I32Store8(MemArg {
            offset: self.next,
            align: 0,
            target: MemArgTarget::default(),
            ordering: None,
        }));
        self.next += 1;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            function.instruction(&self.parse_instruction(&mut operators)?);
        }
        code.function(&function);
        Ok(())
    }
}
