//! Memory, faults and budgets, as a program sees them.

mod common;

use glassdock_cpu::{
    Access, AddressSpace, CStrError, Cpu, Exit, Fault, FaultCause, Frames, Prot, Run, Sharing, reg,
    rflags,
};

use common::{CODE, DATA, Machine, STACK, fault, machine, map};

/// A program with loops, calls, memory, string instructions and flags that live across blocks.
#[rustfmt::skip]
const PROGRAM: &[u8] = &[
    0xbf, 0x00, 0x00, 0x60, 0x00,                   // mov edi, DATA
    0xb9, 0x28, 0x00, 0x00, 0x00,                   // mov ecx, 40
    0xb0, 0x5a,                                     // mov al, 0x5a
    0xf3, 0xaa,                                     // rep stosb
    0xbe, 0x03, 0x00, 0x60, 0x00,                   // mov esi, DATA + 3
    0xbf, 0x80, 0x00, 0x60, 0x00,                   // mov edi, DATA + 0x80
    0xb9, 0x11, 0x00, 0x00, 0x00,                   // mov ecx, 17
    0xf3, 0xa5,                                     // rep movsd
    0xbb, 0x64, 0x00, 0x00, 0x00,                   // mov ebx, 100
    // loop:
    0xe8, 0x0e, 0x00, 0x00, 0x00,                   // call function
    0x83, 0xeb, 0x01,                               // sub ebx, 1
    0x11, 0xd8,                                     // adc eax, ebx
    0x85, 0xdb,                                     // test ebx, ebx
    0x75, 0xf2,                                     // jnz loop
    0x0f, 0x94, 0xc2,                               // setz dl
    0x0f, 0x05,                                     // syscall
    // function:
    0x01, 0x1c, 0x25, 0x00, 0x01, 0x60, 0x00,       // add [DATA + 0x100], ebx
    0x0f, 0xa3, 0xd8,                               // bt eax, ebx
    0xd1, 0xd0,                                     // rcl eax, 1
    0x9c,                                           // pushf
    0x59,                                           // pop rcx
    0x48, 0x01, 0xc8,                               // add rax, rcx
    0xc3,                                           // ret
];

#[test]
fn a_budget_of_one_gives_the_same_as_a_budget_of_a_million() {
    let mut whole = machine(PROGRAM);
    let reference = whole.run(1_000_000);
    assert_eq!(reference.exit, Exit::Syscall);
    for budget in [1, 2, 3, 7, 64, 100] {
        let mut m = machine(PROGRAM);
        let mut retired = 0;
        let exit = loop {
            let run = m.run(budget);
            retired += run.retired;
            if run.exit != Exit::Budget {
                break run.exit;
            }
            assert_eq!(run.retired, budget, "a budget is used up");
        };
        assert_eq!(
            (exit, retired),
            (reference.exit, reference.retired),
            "budget {budget}"
        );
        assert_eq!(m.cpu, whole.cpu, "budget {budget}");
        for at in (DATA..DATA + 0x200).step_by(8) {
            assert_eq!(m.data(at), whole.data(at), "budget {budget}, {at:#x}");
        }
    }
}

#[test]
fn a_budget_ends_at_the_same_instruction_whatever_is_cached() {
    let mut warm = machine(PROGRAM);
    let start = warm.cpu.clone();
    warm.run(1_000_000);
    for budget in [1, 5, 50, 51, 52, 53, 54, 55, 300, 301] {
        let mut cold = machine(PROGRAM);
        let zero = vec![0; 4096];
        warm.space
            .write(&mut warm.frames, DATA, &zero)
            .expect("data");
        warm.space
            .write(&mut warm.frames, STACK - 4096, &zero)
            .expect("stack");
        warm.cpu = start.clone();
        assert_eq!(warm.run(budget), cold.run(budget));
        assert_eq!(warm.cpu, cold.cpu, "budget {budget}");
    }
}

/// Instructions that run as one operation where they follow each other.
#[rustfmt::skip]
const PAIRS: &[(&str, &[u8])] = &[
    ("push, push", &[0x50, 0x53]),
    ("push, push, push", &[0x50, 0x53, 0x51]),
    ("push, push rsp", &[0x50, 0x54]),
    ("push rsp, push", &[0x54, 0x50]),
    ("pop, pop", &[0x58, 0x5b]),
    ("pop twice to the same", &[0x58, 0x58]),
    ("pop rsp, pop", &[0x5c, 0x58]),
    ("pop, pop rsp", &[0x58, 0x5c]),
    ("pop, ret", &[0x58, 0xc3]),
    ("pop, pop, ret", &[0x58, 0x5b, 0xc3]),
    ("mov, mov", &[0x48, 0x89, 0xc3, 0x48, 0x89, 0xd9]),
    ("mov, mov in 32 bits", &[0x89, 0xe3, 0x89, 0xd9]),
    ("inc, jz", &[0xff, 0xc0, 0x74, 0x01, 0x90]),
    ("inc, ja", &[0x48, 0xff, 0xc0, 0x77, 0x01, 0x90]),
    ("inc, jo", &[0xff, 0xc0, 0x70, 0x01, 0x90]),
    ("dec, jnz", &[0xff, 0xc8, 0x75, 0x01, 0x90]),
    ("dec, jle", &[0x48, 0xff, 0xc8, 0x7e, 0x01, 0x90]),
    ("dec, jb", &[0xff, 0xc8, 0x72, 0x01, 0x90]),
    ("bt, jc", &[0x0f, 0xa3, 0xd8, 0x72, 0x01, 0x90]),
    ("cmp, bt, jz", &[0x39, 0xd8, 0x0f, 0xba, 0xe0, 0x1f, 0x74, 0x01, 0x90]),
    ("cmp, jg", &[0x39, 0xd8, 0x7f, 0x01, 0x90]),
    ("test, js", &[0x48, 0x85, 0xc0, 0x78, 0x01, 0x90]),
];

/// Fills the stack's page with `values` in turn, beginning with number `from`.
fn fill_stack(m: &mut Machine, values: [u64; 3], from: usize) {
    for (k, at) in (STACK - 4096..STACK).step_by(8).enumerate() {
        let value = values[(k + from) % 3];
        m.space.write_u64(&mut m.frames, at, value).expect("stack");
    }
}

fn stack(m: &Machine) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    m.space
        .read(&m.frames, STACK - 4096, &mut bytes)
        .expect("stack");
    bytes
}

#[test]
fn instructions_that_run_together_do_what_they_do_alone() {
    let edges = [
        0, 4, 8, 12, 16, 20, 24, 4072, 4076, 4080, 4084, 4088, 4092, 4096,
    ];
    let stacks = edges.map(|at| STACK - 4096 + at);
    let stacks = stacks
        .into_iter()
        .chain([1 << 47, (1 << 47) + 8, (1 << 47) - 8, 4]);
    let values = [
        0,
        1,
        2,
        0x7fff_ffff,
        0x8000_0000,
        1 << 63,
        u64::MAX,
        !(1 << 63),
    ];
    let mut count = 0;
    for ((name, pair), rsp) in PAIRS
        .iter()
        .flat_map(|p| stacks.clone().map(move |s| (p, s)))
    {
        for (i, value) in values.into_iter().enumerate() {
            let code = [pair, &[0x0f, 0x05][..]].concat();
            let start = || {
                let mut m = machine(&code);
                let end = CODE + code.len() as u64 - 2;
                fill_stack(&mut m, [end, 1 << 60, value], i);
                m.cpu.gpr[reg::RAX] = value;
                m.cpu.gpr[reg::RBX] = values[(i + 3) % values.len()];
                m.cpu.gpr[reg::RSP] = rsp;
                m.cpu.set_rflags((i as u64 & 1) * rflags::CF);
                m
            };
            let mut together = start();
            let whole = together.run(100);
            let mut alone = start();
            let mut retired = 0;
            let exit = loop {
                let run = alone.run(1);
                retired += run.retired;
                if run.exit != Exit::Budget {
                    break run.exit;
                }
            };
            let case = format!("{name}, rsp {rsp:#x}, value {value:#x}");
            assert_eq!((whole.exit, whole.retired), (exit, retired), "{case}");
            assert_eq!(together.cpu, alone.cpu, "{case}");
            assert!(stack(&together) == stack(&alone), "{case}: memory");
            count += 1;
        }
    }
    assert_eq!(count, PAIRS.len() * 18 * 8);
}

#[test]
fn repeated_string_instructions_count_every_iteration() {
    // mov ecx, 10; rep stosb; mov ecx, 0; rep stosb; syscall
    let code = [
        0xb9, 10, 0, 0, 0, 0xf3, 0xaa, 0xb9, 0, 0, 0, 0, 0xf3, 0xaa, 0x0f, 0x05,
    ];
    let mut m = machine(&code);
    m.cpu.gpr[reg::RDI] = DATA;
    assert_eq!(
        m.run(100),
        Run {
            exit: Exit::Syscall,
            retired: 1 + 10 + 1 + 1 + 1,
            repeats: 9
        }
    );
    let mut m = machine(&code);
    m.cpu.gpr[reg::RDI] = DATA;
    assert_eq!(
        m.run(4),
        Run {
            exit: Exit::Budget,
            retired: 4,
            repeats: 3
        }
    );
    assert_eq!((m.cpu.rip, m.cpu.gpr[reg::RCX]), (CODE + 5, 7));
}

#[test]
fn syscall_leaves_the_return_address_in_rcx_and_the_flags_in_r11() {
    let mut m = machine(&[0xf9, 0x0f, 0x05]); // stc; syscall
    assert_eq!(
        m.run(9),
        Run {
            exit: Exit::Syscall,
            retired: 2,
            repeats: 0
        }
    );
    assert_eq!(m.cpu.rip, CODE + 3);
    assert_eq!(m.cpu.gpr[reg::RCX], CODE + 3);
    assert_eq!(m.cpu.gpr[reg::R11], rflags::IF | rflags::CF | 2);
}

#[test]
fn a_fault_leaves_the_instruction_undone_and_flags_true() {
    // add eax, eax (its flags are dead but for the fault); mov ecx, [rbx]; add eax, eax
    let code = [0x01, 0xc0, 0x8b, 0x0b, 0x01, 0xc0, 0x0f, 0x05];
    let mut m = machine(&code);
    m.cpu.gpr[reg::RAX] = 0x8000_0000;
    m.cpu.gpr[reg::RBX] = 0x1234;
    let run = m.run(100);
    assert_eq!(run.exit, fault(0x1234, Access::Read, FaultCause::NotMapped));
    assert_eq!((run.retired, m.cpu.rip), (1, CODE + 2));
    let arith = rflags::CF | rflags::OF | rflags::ZF | rflags::PF;
    assert_eq!(m.cpu.rflags() & rflags::ARITH, arith);
}

#[test]
fn accesses_across_pages_fault_at_the_first_byte_that_is_missing() {
    let last = DATA + 4096 - 3;
    let cases: [(&str, &[u8], Access); 4] = [
        ("mov rax, [rbx]", &[0x48, 0x8b, 0x03], Access::Read),
        ("mov [rbx], rax", &[0x48, 0x89, 0x03], Access::Write),
        ("add [rbx], rax", &[0x48, 0x01, 0x03], Access::Write),
        ("movups xmm0, [rbx]", &[0x0f, 0x10, 0x03], Access::Read),
    ];
    for (name, code, access) in cases {
        let mut m = machine(code);
        m.cpu.gpr[reg::RBX] = last;
        m.cpu.gpr[reg::RAX] = u64::MAX;
        let exit = m.run(10).exit;
        assert_eq!(
            exit,
            fault(DATA + 4096, access, FaultCause::NotMapped),
            "{name}"
        );
        assert_eq!(m.data(DATA + 4088), 0, "{name} stored a part");
        // With the page there it is done.
        map(
            &mut m.frames,
            &mut m.space,
            DATA + 4096,
            Prot::READ | Prot::WRITE,
        );
        m.space.write(&mut m.frames, CODE, &[]).ok();
        assert_eq!(m.run(1).exit, Exit::Budget, "{name}");
    }
}

#[test]
fn rights_are_kept() {
    let store = [0xc6, 0x03, 0x01]; // mov byte [rbx], 1
    let mut m = machine(&store);
    m.cpu.gpr[reg::RBX] = CODE;
    assert_eq!(
        m.run(1).exit,
        fault(CODE, Access::Write, FaultCause::Protection)
    );
    m.cpu.gpr[reg::RBX] = DATA;
    assert_eq!(m.run(1).exit, Exit::Budget);
    // A right that is taken away counts at once, although the translation was cached.
    m.space.protect(DATA..DATA + 4096, Prot::READ);
    m.cpu.rip = CODE;
    assert_eq!(
        m.run(1).exit,
        fault(DATA, Access::Write, FaultCause::Protection)
    );
    m.cpu.rip = DATA;
    assert_eq!(
        m.run(1).exit,
        fault(DATA, Access::Exec, FaultCause::Protection)
    );
    m.space.unmap(&mut m.frames, CODE..CODE + 4096);
    m.cpu.rip = CODE;
    assert_eq!(
        m.run(1).exit,
        fault(CODE, Access::Exec, FaultCause::NotMapped)
    );
}

#[test]
fn fork_shares_frames_until_somebody_writes() {
    let store = [0xc7, 0x03, 1, 0, 0, 0, 0x0f, 0x05]; // mov dword [rbx], 1; syscall
    let mut m = machine(&store);
    m.cpu.gpr[reg::RBX] = DATA;
    m.space.write_u64(&mut m.frames, DATA, 0x55).expect("data");
    let (before, tables) = (m.frames.used(), m.frames.tables());
    let mut child = m.space.fork(&mut m.frames);
    assert_eq!(
        m.frames.tables(),
        2 * tables,
        "the child has page tables of its own"
    );
    let before = before + tables;
    assert_eq!(m.frames.used(), before, "nothing else is copied yet");
    assert_eq!(m.run(10).exit, Exit::Syscall);
    assert_eq!(m.frames.used(), before + 1);
    assert_eq!(m.data(DATA), 1);
    assert_eq!(child.read_u64(&m.frames, DATA), Ok(0x55));
    // Now each is the only owner, and writes in place.
    child.write_u64(&mut m.frames, DATA, 0x77).expect("data");
    assert_eq!(m.frames.used(), before + 1);
    assert_eq!(m.data(DATA), 1);
    child.release(&mut m.frames);
    m.space.release(&mut m.frames);
    assert_eq!(m.frames.used(), 0, "every frame came back");
}

#[test]
fn the_parents_cached_translation_does_not_reach_the_childs_page() {
    let store = [0xff, 0x03, 0x0f, 0x05]; // inc dword [rbx]; syscall
    let mut m = machine(&store);
    m.cpu.gpr[reg::RBX] = DATA;
    m.run(10);
    let mut child = m.space.fork(&mut m.frames);
    m.cpu.rip = CODE;
    m.run(10);
    assert_eq!(child.read_u32(&m.frames, DATA), Ok(1));
    let mut cpu = m.cpu.clone();
    cpu.rip = CODE;
    cpu.run(&mut child, &mut m.frames, 10);
    assert_eq!((m.data(DATA), child.read_u64(&m.frames, DATA)), (2, Ok(2)));
}

#[test]
fn shared_pages_stay_shared_after_fork() {
    let mut m = machine(&[0x0f, 0x05]);
    m.space.set_sharing(DATA..DATA + 4096, Sharing::Shared);
    let mut child = m.space.fork(&mut m.frames);
    child.write_u64(&mut m.frames, DATA, 9).expect("data");
    assert_eq!(m.data(DATA), 9);
}

#[test]
fn out_of_memory_is_a_fault_of_its_own() {
    let store = [0xc6, 0x03, 0x01];
    // Two pages and the page tables that they are in.
    let (mut frames, mut space) = (Frames::new(4), AddressSpace::new());
    map(&mut frames, &mut space, CODE, Prot::all());
    space.write(&mut frames, CODE, &store).expect("code");
    map(&mut frames, &mut space, DATA, Prot::READ | Prot::WRITE);
    assert!(frames.alloc_zeroed().is_err());
    let child = space.fork(&mut frames);
    let mut cpu = Cpu::new();
    (cpu.rip, cpu.gpr[reg::RBX]) = (CODE, DATA);
    let run = cpu.run(&mut space, &mut frames, 10);
    assert_eq!(
        run.exit,
        fault(DATA, Access::Write, FaultCause::OutOfMemory)
    );
    drop(child);
}

#[test]
fn the_trap_flag_stops_after_each_instruction() {
    // pushf; or dword [rsp], 0x100; popf; nop; nop
    let code = [
        0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x90, 0x90, 0x0f, 0x05,
    ];
    let mut m = machine(&code);
    let run = m.run(100);
    assert_eq!(
        (run.exit, run.retired, m.cpu.rip),
        (Exit::DebugTrap, 4, CODE + 10)
    );
    assert_eq!((m.run(100).exit, m.cpu.rip), (Exit::DebugTrap, CODE + 11));
}

#[test]
fn misaligned_accesses_trap_only_with_the_alignment_flag() {
    let load = [0x8b, 0x03, 0x0f, 0x05];
    for (flags, exit) in [(0, Exit::Syscall), (rflags::AC, Exit::AlignmentCheck)] {
        let mut m = machine(&load);
        m.cpu.gpr[reg::RBX] = DATA + 1;
        m.cpu.set_rflags(flags);
        assert_eq!(m.run(10).exit, exit);
    }
}

#[test]
fn rdtsc_counts_instructions() {
    // nop; nop; rdtsc; syscall
    let code = [0x90, 0x90, 0x0f, 0x31, 0x0f, 0x05];
    for budget in [1, 100] {
        let mut m = machine(&code);
        m.cpu.tsc = 1 << 32;
        while m.run(budget).exit == Exit::Budget {}
        assert_eq!(
            (m.cpu.gpr[reg::RDX], m.cpu.gpr[reg::RAX]),
            (1, 3),
            "budget {budget}"
        );
        assert_eq!(m.cpu.tsc, (1 << 32) + 4);
    }
}

#[test]
fn addresses_that_are_not_canonical_are_general_protection_or_stack_faults() {
    let cases: [(&[u8], Exit); 4] = [
        (&[0x8b, 0x03], Exit::GeneralProtection), // mov eax, [rbx]
        (&[0x8b, 0x45, 0x00], Exit::StackFault),  // mov eax, [rbp]
        (&[0xff, 0xe3], Exit::GeneralProtection), // jmp rbx
        (&[0x48, 0x8d, 0x63, 0x10, 0x50], Exit::StackFault), // lea rsp, [rbx + 16]; push rax
    ];
    for (code, exit) in cases {
        let mut m = machine(code);
        m.cpu.gpr[reg::RBX] = 0x8000_0000_0000;
        m.cpu.gpr[reg::RBP] = 0x8000_0000_0000;
        assert_eq!(m.run(10).exit, exit, "{code:02x?}");
    }
}

#[test]
fn strings_are_read_up_to_a_limit() {
    let mut m = machine(&[]);
    m.space
        .write(&mut m.frames, DATA + 4093, b"ab")
        .expect("data");
    let read = |m: &Machine, limit| m.space.read_cstr(&m.frames, DATA + 4093, limit);
    assert_eq!(read(&m, 3), Ok(b"ab".to_vec()));
    assert_eq!(read(&m, 2), Err(CStrError::TooLong));
    m.space
        .write(&mut m.frames, DATA + 4095, b"c")
        .expect("data");
    let missing = Fault {
        addr: DATA + 4096,
        access: Access::Read,
        cause: FaultCause::NotMapped,
    };
    assert_eq!(read(&m, 9), Err(CStrError::Fault(missing)));
}

#[test]
fn pages_are_listed_in_order() {
    let m = machine(&[]);
    let all: Vec<u64> = m.space.pages().map(|p| p.addr).collect();
    assert_eq!(all, [CODE, CODE + 4096, DATA, STACK - 4096]);
    let some: Vec<u64> = m
        .space
        .pages_in(CODE + 1..DATA + 1)
        .map(|p| p.addr)
        .collect();
    assert_eq!(some, [CODE, CODE + 4096, DATA]);
    assert_eq!(m.space.mapped_pages(), 4);
}
