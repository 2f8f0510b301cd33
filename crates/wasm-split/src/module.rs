//! What has to be known of a module before it is split.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{
    ConstExpr, ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody, GlobalType,
    MemoryType, Operator, Parser, Payload, TableType, TypeRef,
};

/// An active element segment of functions: where they are put in which table.
pub struct Segment {
    /// The table's index.
    pub table: u32,
    /// Index of the first entry.
    pub offset: i32,
    /// Functions in a row.
    pub functions: Vec<u32>,
}

/// What a function's body refers to.
#[derive(Default)]
pub struct Uses {
    /// Functions that it calls.
    pub functions: BTreeSet<u32>,
    /// Globals that it reads or writes.
    pub globals: BTreeSet<u32>,
}

/// The parts of a module that the split depends on. Functions are counted as in wasm: imported ones first.
#[derive(Default)]
pub struct Module {
    /// Function types.
    pub types: Vec<FuncType>,
    /// The type of each function.
    pub functions: Vec<u32>,
    /// How many of the functions are imported.
    pub imported: u32,
    /// Tables, none of them imported.
    pub tables: Vec<TableType>,
    /// The memory.
    pub memory: Option<MemoryType>,
    /// Globals, none of them imported.
    pub globals: Vec<GlobalType>,
    /// Functions that are exported.
    pub exported: BTreeSet<u32>,
    /// Element segments.
    pub segments: Vec<Segment>,
    /// What each of the module's own functions refers to.
    pub uses: Vec<Uses>,
}

impl Module {
    /// Reads a module.
    ///
    /// # Errors
    /// What cannot be read, or has something that [`crate::split`] does not know.
    pub fn read(wasm: &[u8]) -> Result<Module> {
        let mut module = Module::default();
        for payload in Parser::new(0).parse_all(wasm) {
            module.section(payload?)?;
        }
        ensure!(module.memory.is_some(), "a module without a memory");
        Ok(module)
    }

    /// Indices of the functions that are not imported.
    pub fn own(&self) -> Range<u32> {
        self.imported..self.functions.len() as u32
    }

    /// What one of the module's own functions refers to.
    pub fn uses(&self, function: u32) -> &Uses {
        &self.uses[(function - self.imported) as usize]
    }

    /// The parameters and results of a function.
    pub fn signature(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
    }

    fn section(&mut self, payload: Payload) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let TypeRef::Func(ty) = import.ty else {
                        bail!("an import that is no function: {}", import.name);
                    };
                    self.functions.push(ty);
                    self.imported += 1;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    ensure!(self.memory.is_none(), "several memories");
                    self.memory = Some(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global?.ty);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.exported.insert(export.index);
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::CodeSectionEntry(body) => self.uses.push(used(&body)?),
            Payload::StartSection { .. } => bail!("a start section"),
            Payload::TagSection(_) => bail!("tags"),
            _ => {}
        }
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element) -> Result<()> {
        let ElementKind::Active {
            table_index,
            offset_expr,
        } = element.kind
        else {
            bail!("an element segment that is not active");
        };
        let ElementItems::Functions(items) = element.items else {
            bail!("an element segment of expressions");
        };
        self.segments.push(Segment {
            table: table_index.unwrap_or(0),
            offset: constant(&offset_expr).context("the offset of an element segment")?,
            functions: items.into_iter().collect::<Result<_, _>>()?,
        });
        Ok(())
    }
}

fn constant(expression: &ConstExpr) -> Result<i32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value),
        _ => bail!("an expression that is no number"),
    }
}

fn used(body: &FunctionBody) -> Result<Uses> {
    let mut uses = Uses::default();
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Call { function_index }
            | Operator::ReturnCall { function_index }
            | Operator::RefFunc { function_index } => {
                uses.functions.insert(function_index);
            }
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                uses.globals.insert(global_index);
            }
            // Segments have other numbers in the second module.
            Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. } => bail!("an instruction on a segment"),
            _ => {}
        }
    }
    Ok(uses)
}
