//! A module and its two parts do the same, in Node; what is not supported is refused.

use std::path::PathBuf;
use std::process::Command;

use glassdock_wasm_split::{instrument, split};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    InstructionSink, MemArg, MemArgTarget, MemorySection, MemoryType, Module, RefType,
    StartSection, TableSection, TableType, TypeSection, ValType,
};

/// Functions of the sample, by their numbers; the first is imported.
const NOTE: u32 = 0;
const DIRECT: u32 = 1;
const INDIRECT: u32 = 2;
const SHARED: u32 = 3;
const WIDE: u32 = 4;
const DEEP: u32 = 5;
const IN_TABLE: u32 = 6;

/// Types of the sample.
const UNARY: u32 = 0;
const MIXED: u32 = 1;
const NOTED: u32 = 2;

fn function(body: impl FnOnce(&mut InstructionSink)) -> Function {
    let mut function = Function::new([]);
    body(&mut function.instructions());
    function.instructions().end();
    function
}

/// Exports `direct` and `indirect`, which come to all other functions; each notes that it ran.
fn sample(start: bool) -> Vec<u8> {
    let (i32_, i64_, f64_) = (ValType::I32, ValType::I64, ValType::F64);
    let mut types = TypeSection::new();
    types.ty().function([i32_], [i32_]);
    types.ty().function([i32_, i64_, f64_], [f64_]);
    types.ty().function([i32_], []);
    let mut imports = ImportSection::new();
    imports.import("env", "note", EntityType::Function(NOTED));
    let mut functions = FunctionSection::new();
    for ty in [UNARY, UNARY, UNARY, MIXED, UNARY, UNARY] {
        functions.function(ty);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 8,
        maximum: None,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    for value in [100, 7] {
        let ty = GlobalType {
            val_type: i32_,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i32_const(value));
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("direct", ExportKind::Func, DIRECT);
    exports.export("indirect", ExportKind::Func, INDIRECT);
    let mut elements = ElementSection::new();
    let entries = [SHARED, IN_TABLE, DEEP, SHARED];
    elements.active(
        None,
        &ConstExpr::i32_const(2),
        Elements::Functions(entries[..].into()),
    );
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(16), [5, 0, 0, 0]);

    let mut code = CodeSection::new();
    let note = |sink: &mut InstructionSink, number: u32| {
        sink.i32_const(number as i32).call(NOTE);
    };
    code.function(&function(|sink| {
        note(sink, DIRECT);
        sink.local_get(0).i64_const(1 << 40).f64_const(0.5.into());
        sink.call(WIDE).i32_trunc_f64_s().call(SHARED);
    }));
    code.function(&function(|sink| {
        note(sink, INDIRECT);
        sink.i32_const(1).local_get(0).call_indirect(0, UNARY);
    }));
    code.function(&function(|sink| {
        note(sink, SHARED);
        sink.local_get(0).global_get(1).i32_add();
    }));
    code.function(&function(|sink| {
        note(sink, WIDE);
        sink.local_get(0).call(DEEP).f64_convert_i32_s();
        sink.local_get(1)
            .i64_const(38)
            .i64_shr_u()
            .f64_convert_i64_u();
        sink.f64_add().local_get(2).f64_add();
    }));
    code.function(&function(|sink| {
        note(sink, DEEP);
        sink.global_get(1).i32_const(1).i32_add().global_set(1);
        sink.i32_const(16).i32_load(MemArg {
            offset: 0,
            align: 2,
            target: MemArgTarget::default(),
            ordering: None,
        });
        sink.local_get(0).call(SHARED).i32_add();
    }));
    code.function(&function(|sink| {
        note(sink, IN_TABLE);
        sink.local_get(0).i32_const(2).i32_mul().call(DEEP);
    }));

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    module.section(&tables).section(&memories).section(&globals);
    module.section(&exports);
    if start {
        let function_index = DIRECT;
        module.section(&StartSection { function_index });
    }
    module.section(&elements).section(&code).section(&data);
    module.finish()
}

/// Calls the exports of the module alone and of its parts, and prints what each noted, gave and wrote.
const DRIVER: &str = r#"
const { readFileSync } = require("fs");
const [whole, primary, secondary] = process.argv.slice(1).map((file) => new WebAssembly.Module(readFileSync(file)));
function run(module, more) {
  const noted = [];
  let parts = 0;
  const imports = { env: { note: (number) => noted.push(number) }, split: { more: () => {
    parts += 1;
    new WebAssembly.Instance(more, { primary: instance.exports });
  } } };
  const instance = new WebAssembly.Instance(module, imports);
  const { direct, indirect } = instance.exports;
  const given = [direct(3), indirect(2), indirect(3), indirect(5), direct(4)];
  return { told: JSON.stringify({ noted, given }), parts };
}
const alone = run(whole), split = run(primary, secondary);
if (alone.told !== split.told) throw new Error(`${alone.told} but split ${split.told}`);
console.log(split.parts, split.told);
"#;

fn temporary(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn node(driver: &str, files: &[(&str, &[u8])], name: &str) -> String {
    let folder = temporary(name);
    let mut command = Command::new("node");
    command.args(["-e", driver]);
    for (file, bytes) in files {
        let path = folder.join(file);
        std::fs::write(&path, bytes).expect("a file");
        command.arg(path);
    }
    let output = command.output().expect("node");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_parts_do_what_the_whole_does_whichever_functions_move() {
    let whole = sample(false);
    for moved in 0..1_u32 << 6 {
        let entered: Vec<u8> = (0..6).map(|bit| u8::from(moved >> bit & 1 == 0)).collect();
        let parts = split(&whole, &entered).expect("splits");
        assert_eq!(
            (parts.kept + parts.moved, parts.moved),
            (6, moved.count_ones() as usize)
        );
        let files = [
            ("whole.wasm", &*whole),
            ("primary.wasm", &parts.primary),
            ("secondary.wasm", &parts.secondary),
        ];
        let told = node(DRIVER, &files, "parts");
        // All functions are called, so the second part is needed once, unless nothing is in it.
        let needed = u32::from(moved != 0);
        assert!(told.starts_with(&format!("{needed} ")), "{moved:b}: {told}");
    }
}

#[test]
fn a_profile_is_that_of_the_module() {
    let error = split(&sample(false), &[1; 5]).unwrap_err().to_string();
    assert_eq!(error, "the profile is of 5 functions, the module has 6");
}

#[test]
fn an_instrumented_copy_notes_what_was_entered_behind_its_memory() {
    let copy = instrument(&sample(false)).expect("instruments");
    let driver = r#"
const module = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
const { exports } = new WebAssembly.Instance(module, { env: { note() {} } });
exports.indirect(2);
exports.memory.grow(1);
const at = exports.profile.value;
console.log(at, ...new Uint8Array(exports.memory.buffer, at, exports.functions.value));
"#;
    let told = node(driver, &[("copy.wasm", &copy)], "instrumented");
    // `indirect` calls the table's second entry, that is `shared`.
    assert_eq!(told, "65536 0 1 1 0 0 0\n");
}

#[test]
fn what_cannot_be_split_is_refused_with_what_it_has() {
    let cases: [(Vec<u8>, &str); 3] = [
        (sample(true), "a start section"),
        (Module::new().finish(), "a module without a memory"),
        (
            b"\0asm\x01\0\0\0\x01".to_vec(),
            "unexpected end-of-file (at offset 0x9)",
        ),
    ];
    for (wasm, why) in cases {
        for error in [split(&wasm, &[]).err(), instrument(&wasm).err()] {
            assert_eq!(error.expect("an error").to_string(), why);
        }
    }
}
