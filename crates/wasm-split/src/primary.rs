//! The module to start with.

use std::convert::Infallible;

use anyhow::Result;
use sha2::{Digest, Sha256};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, CustomSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, HeapType, ImportSection, Instruction, RefType, TableSection, TableType,
};
use wasmparser::{
    CustomSectionReader, ExportSectionReader, FunctionBody, FunctionSectionReader,
    ImportSectionReader, TableSectionReader,
};

use crate::MORE;
use crate::module::Module;
use crate::plan::Plan;

/// What the exports for the other module are called.
pub mod names {
    /// The memory.
    pub const MEMORY: &str = "$memory";
    /// The table of slots.
    pub const SLOTS: &str = "$slots";

    /// A table of the program.
    pub fn table(number: u32) -> String {
        format!("$t{number}")
    }

    /// A global of the program.
    pub fn global(number: u32) -> String {
        format!("$g{number}")
    }

    /// A function, by its number in the original module.
    pub fn function(number: u32) -> String {
        format!("${number:x}")
    }
}

struct Primary<'a> {
    module: &'a Module,
    plan: &'a Plan,
    next: u32,
}

pub fn encode(wasm: &[u8], module: &Module, plan: &Plan) -> Result<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    let next = module.imported;
    let mut primary = Primary { module, plan, next };
    primary.parse_core_module(&mut out, wasmparser::Parser::new(0), wasm)?;
    // Who knows a build by its first module's bytes knows it by those of the whole.
    let digest = Sha256::digest(wasm);
    out.section(&CustomSection {
        name: "split-from".into(),
        data: digest.as_slice().into(),
    });
    Ok(out.finish())
}

impl Primary<'_> {
    /// The type of functions without parameters and results; it comes last, and is the original's where that has one.
    fn type_of_more(&self) -> u32 {
        let plain = |ty: &wasmparser::FuncType| ty.params().is_empty() && ty.results().is_empty();
        let found = self.module.types.iter().position(plain);
        found.unwrap_or(self.module.types.len()) as u32
    }

    fn more(&self) -> u32 {
        self.module.imported
    }

    fn slots(&self) -> u32 {
        self.module.tables.len() as u32
    }

    /// Calls the slot, having it filled first.
    fn stub(&self, function: u32) -> Option<Function> {
        let slot = self.plan.stubs.binary_search(&function).ok()? as i32;
        let table = self.slots();
        let mut stub = Function::new([]);
        stub.instruction(&Instruction::I32Const(slot))
            .instruction(&Instruction::TableGet(table))
            .instruction(&Instruction::RefIsNull)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::Call(self.more()))
            .instruction(&Instruction::End);
        for parameter in 0..self.module.signature(function).params().len() as u32 {
            stub.instruction(&Instruction::LocalGet(parameter));
        }
        stub.instruction(&Instruction::I32Const(slot))
            .instruction(&Instruction::CallIndirect {
                type_index: self.module.functions[function as usize],
                table_index: table,
            })
            .instruction(&Instruction::End);
        Some(stub)
    }
}

impl Reencode for Primary<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        // Whatever the primary module refers to has a number: the plan was made from these references.
        Ok(self.plan.in_primary[&function])
    }

    fn parse_type_section(
        &mut self,
        types: &mut wasm_encoder::TypeSection,
        section: wasmparser::TypeSectionReader,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_type_section(self, types, section)?;
        if self.type_of_more() == self.module.types.len() as u32 {
            types.ty().function([], []);
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_import_section(self, imports, section)?;
        imports.import(MORE.0, MORE.1, EntityType::Function(self.type_of_more()));
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        _: FunctionSectionReader,
    ) -> Result<(), Error<Infallible>> {
        for number in self.module.own() {
            if self.plan.in_primary.contains_key(&number) {
                functions.function(self.module.functions[number as usize]);
            }
        }
        Ok(())
    }

    fn parse_table_section(
        &mut self,
        tables: &mut TableSection,
        section: TableSectionReader,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_table_section(self, tables, section)?;
        tables.table(slots(self.plan));
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(names::MEMORY, ExportKind::Memory, 0);
        exports.export(names::SLOTS, ExportKind::Table, self.slots());
        for number in 0..self.slots() {
            exports.export(&names::table(number), ExportKind::Table, number);
        }
        for number in &self.plan.globals {
            exports.export(&names::global(*number), ExportKind::Global, *number);
        }
        for number in &self.plan.shared {
            let here = self.plan.in_primary[number];
            exports.export(&names::function(*number), ExportKind::Func, here);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody,
    ) -> Result<(), Error<Infallible>> {
        let function = self.next;
        self.next += 1;
        if let Some(stub) = self.stub(function) {
            code.function(&stub);
        } else if !self.plan.moved.contains(&function) {
            utils::parse_function_body(self, code, body)?;
        }
        Ok(())
    }

    /// Names and the like are of functions that have other numbers now.
    fn parse_custom_section(
        &mut self,
        _: &mut wasm_encoder::Module,
        _: CustomSectionReader,
    ) -> Result<(), Error<Infallible>> {
        Ok(())
    }
}

/// The table of slots.
pub fn slots(plan: &Plan) -> TableType {
    let size = plan.stubs.len() as u64;
    TableType {
        element_type: RefType {
            nullable: true,
            heap_type: HeapType::FUNC,
        },
        table64: false,
        minimum: size,
        maximum: Some(size),
        shared: false,
    }
}
