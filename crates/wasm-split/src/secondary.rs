//! The module to load when it is needed.

use std::borrow::Cow;
use std::convert::Infallible;

use anyhow::{Context, Result};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, FunctionSection, ImportSection,
    TypeSection,
};
use wasmparser::{Parser, Payload};

use crate::PRIMARY;
use crate::module::{Module, Segment};
use crate::plan::Plan;
use crate::primary::{names, slots};

struct Secondary<'a> {
    plan: &'a Plan,
}

impl Reencode for Secondary<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        // Whatever a moved function calls has a number: the plan was made from these calls.
        Ok(self.plan.in_secondary[&function])
    }

    fn global_index(&mut self, global: u32) -> Result<u32, Error<Infallible>> {
        let before = self.plan.globals.range(..global).count();
        Ok(before as u32)
    }
}

pub fn encode(wasm: &[u8], module: &Module, plan: &Plan) -> Result<Vec<u8>> {
    let mut secondary = Secondary { plan };
    let mut types = TypeSection::new();
    let mut code = CodeSection::new();
    let mut own = module.own();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => secondary.parse_type_section(&mut types, section)?,
            Payload::CodeSectionEntry(body) => {
                let function = own.next().context("a body without a function")?;
                if plan.moved.contains(&function) {
                    utils::parse_function_body(&mut secondary, &mut code, body)?;
                }
            }
            _ => {}
        }
    }
    let mut functions = FunctionSection::new();
    for function in &plan.moved {
        functions.function(module.functions[*function as usize]);
    }
    let mut out = wasm_encoder::Module::new();
    out.section(&types)
        .section(&imports(&mut secondary, module, plan)?)
        .section(&functions)
        .section(&elements(module, plan))
        .section(&code);
    Ok(out.finish())
}

fn imports(secondary: &mut Secondary, module: &Module, plan: &Plan) -> Result<ImportSection> {
    let mut imports = ImportSection::new();
    for function in &plan.shared {
        let ty = EntityType::Function(module.functions[*function as usize]);
        imports.import(PRIMARY, &names::function(*function), ty);
    }
    for (number, table) in (0..).zip(&module.tables) {
        imports.import(
            PRIMARY,
            &names::table(number),
            secondary.table_type(*table)?,
        );
    }
    imports.import(PRIMARY, names::SLOTS, slots(plan));
    let memory = module.memory.context("a memory")?;
    imports.import(PRIMARY, names::MEMORY, secondary.memory_type(memory)?);
    for number in &plan.globals {
        let ty = secondary.global_type(module.globals[*number as usize])?;
        imports.import(PRIMARY, &names::global(*number), ty);
    }
    Ok(imports)
}

/// Fills the slots, and takes the stubs' places in the program's tables.
fn elements(module: &Module, plan: &Plan) -> ElementSection {
    let mut elements = ElementSection::new();
    let slots = module.tables.len() as u32;
    let here = |function: &u32| plan.in_secondary[function];
    let all: Vec<u32> = plan.stubs.iter().map(here).collect();
    active(&mut elements, slots, 0, all);
    for segment in &module.segments {
        for (offset, functions) in runs(segment, plan) {
            let functions = functions.iter().map(here).collect();
            active(&mut elements, segment.table, offset, functions);
        }
    }
    elements
}

fn active(elements: &mut ElementSection, table: u32, offset: i32, functions: Vec<u32>) {
    let functions = Elements::Functions(Cow::Owned(functions));
    elements.active(Some(table), &ConstExpr::i32_const(offset), functions);
}

/// Runs of moved functions in a segment, each with the index of its first entry.
fn runs<'a>(segment: &'a Segment, plan: &Plan) -> Vec<(i32, &'a [u32])> {
    let moved = |function: &u32| plan.moved.contains(function);
    let mut offset = segment.offset;
    let mut found = Vec::new();
    for run in segment.functions.chunk_by(|a, b| moved(a) == moved(b)) {
        if run.first().is_some_and(moved) {
            found.push((offset, run));
        }
        offset += run.len() as i32;
    }
    found
}
