//! Code that changes while it is cached: by itself, through another mapping, by the kernel, by a
//! new mapping.

mod common;

use common::{CODE, DATA, Machine, fault, machine, machine_with, map};
use glassdock_cpu::{Access, AddressSpace, Cpu, Exit, FaultCause, Prot, Run, Sharing, reg};

/// `mov al, 1; syscall`, of which every test changes the 1.
const TARGET: [u8; 4] = [0xb0, 1, 0x0f, 0x05];
/// What is stored over it and what follows: 7, `syscall`, `nop`s.
const STORED: u128 = 0x90909090_90909090_90909090_90050f07;

/// Instructions that store [`STORED`] at rbx, or at rdi or before rsp where they do that.
#[rustfmt::skip]
const STORES: &[(&str, &[u8])] = &[
    ("mov byte", &[0x88, 0x13]),
    ("mov word", &[0x66, 0x89, 0x13]),
    ("mov dword", &[0x89, 0x13]),
    ("mov qword", &[0x48, 0x89, 0x13]),
    ("mov byte, immediate", &[0xc6, 0x03, 7]),
    ("xchg", &[0x86, 0x13]),
    ("add", &[0x44, 0x00, 0x03]),
    ("sub, immediate", &[0x80, 0x2b, 0xfa]),
    ("lock xadd", &[0xf0, 0x44, 0x0f, 0xc0, 0x03]),
    ("push", &[0x52]),
    ("pop", &[0x48, 0x89, 0xf4, 0x8f, 0x03]),
    ("stosb", &[0xaa]),
    ("rep stosd", &[0xf3, 0xab]),
    ("rep movsb", &[0xb1, 3, 0xf3, 0xa4]),
    ("movsq", &[0x48, 0xa5]),
    ("movss", &[0xf3, 0x0f, 0x11, 0x03]),
    ("movq", &[0x66, 0x0f, 0xd6, 0x03]),
    ("movhps", &[0x0f, 0x17, 0x03]),
    ("movups", &[0x0f, 0x11, 0x0b]),
    ("maskmovdqu", &[0x66, 0x0f, 0xf7, 0xca]),
    ("movq mm", &[0x0f, 0x7f, 0x03]),
    ("fistp", &[0xdf, 0x2e, 0xdf, 0x3b]),
];

fn with_store(store: &[u8], at: u64) -> Machine {
    let code = [store, &TARGET].concat();
    let mut m = machine_with(&code, at, Prot::all());
    let target = at + store.len() as u64 + 1;
    let value = STORED as u64;
    m.space.write_u64(&mut m.frames, DATA, value).expect("data");
    m.cpu.gpr = [0; 16];
    m.cpu.gpr[reg::RAX] = value;
    m.cpu.gpr[reg::RCX] = 1;
    m.cpu.gpr[reg::RDX] = value;
    m.cpu.gpr[reg::RBX] = target;
    m.cpu.gpr[reg::RSI] = DATA;
    m.cpu.gpr[reg::RDI] = target;
    m.cpu.gpr[reg::RSP] = target + 8;
    m.cpu.gpr[8] = 6;
    m.cpu.xmm = [STORED; 16];
    m.cpu.xmm[0] = STORED << 64 | STORED & u128::from(u64::MAX);
    m.cpu.xmm[2] = 0x80_8080;
    m.cpu.x87.regs[0].mant = value;
    m
}

#[test]
fn every_kind_of_store_changes_the_instructions_behind_it() {
    for (name, store) in STORES {
        // In the middle of a page, and with the store or its target across two.
        for at in (CODE + 4096 - 16..CODE + 4096 + 1).chain([CODE]) {
            for budget in [1, 1000] {
                let mut m = with_store(store, at);
                let exit = loop {
                    match m.run(budget).exit {
                        Exit::Budget => {}
                        other => break other,
                    }
                };
                assert_eq!(exit, Exit::Syscall, "{name} at {at:#x}, budget {budget}");
                let al = m.cpu.gpr[0] & 0xff;
                assert_eq!(al, 7, "{name} at {at:#x}, budget {budget}");
            }
        }
    }
}

/// Where the frame of [`CODE`] is mapped once more.
const ALIAS: u64 = 0x50_0000;

/// Maps the code's frame also at [`ALIAS`], writable and shared.
fn alias(m: &mut Machine, space: Option<&mut AddressSpace>) {
    m.space.set_sharing(CODE..CODE + 4096, Sharing::Shared);
    let (frame, ..) = m.space.frame_at(CODE).expect("code");
    m.frames.incref(frame);
    let prot = Prot::READ | Prot::WRITE;
    space
        .unwrap_or(&mut m.space)
        .map(&mut m.frames, ALIAS, frame, prot, Sharing::Shared)
        .expect("a page");
}

#[test]
fn a_store_through_another_mapping_changes_code() {
    // mov byte [rbx], 7 and what it changes
    let code = [&[0xc6, 0x03, 7][..], &TARGET].concat();
    for budget in [1, 1000] {
        let mut m = machine(&code);
        alias(&mut m, None);
        m.cpu.gpr[reg::RBX] = ALIAS + 4;
        while m.run(budget).exit == Exit::Budget {}
        assert_eq!(m.cpu.gpr[0] & 0xff, 7, "budget {budget}");
    }
}

#[test]
fn a_translation_for_stores_that_is_older_than_the_code_is_not_used() {
    // mov [rbx], cl; jmp rdx: the first round makes the translation, the second one changes code.
    let code = [0x88, 0x0b, 0xff, 0xe2];
    let mut m = machine(&code);
    alias(&mut m, None);
    m.space.protect(CODE..CODE + 4096, Prot::all());
    m.space
        .write(&mut m.frames, CODE + 64, &TARGET)
        .expect("code");
    let target = CODE + 64;
    for (value, expected) in [(3, 3), (9, 9), (5, 5)] {
        m.cpu.rip = CODE;
        m.cpu.gpr[reg::RBX] = ALIAS + 65;
        m.cpu.gpr[reg::RCX] = value;
        m.cpu.gpr[reg::RDX] = target;
        assert_eq!(m.run(1000).exit, Exit::Syscall);
        assert_eq!(m.cpu.gpr[0] & 0xff, expected);
    }
}

#[test]
fn a_store_of_another_process_to_a_shared_page_changes_code() {
    let mut m = machine(&TARGET);
    let mut other = AddressSpace::new();
    alias(&mut m, Some(&mut other));
    // Another process's program: mov [rbx], cl; syscall
    map(&mut m.frames, &mut other, CODE, Prot::all());
    other
        .write(&mut m.frames, CODE, &[0x88, 0x0b, 0x0f, 0x05])
        .expect("code");
    let mut writer = Cpu::new();
    for value in [3, 9, 5] {
        (writer.rip, writer.gpr[reg::RBX], writer.gpr[reg::RCX]) = (CODE, ALIAS + 1, value);
        let run = writer.run(&mut other, &mut m.frames, 1000);
        assert_eq!(run.exit, Exit::Syscall);
        m.cpu.rip = CODE;
        assert_eq!(m.run(1000).exit, Exit::Syscall);
        assert_eq!(m.cpu.gpr[0] & 0xff, value);
    }
}

/// Code on two pages that jump to one another: `mov al, 1; jmp` to the second page, `syscall`.
fn two_pages() -> Machine {
    // mov al, 1; jmp CODE + 4096
    let mut m = machine(&[0xb0, 1, 0xe9, 0xf9, 0x0f, 0, 0]);
    m.space.protect(CODE..CODE + 8192, Prot::all());
    m.space
        .write(&mut m.frames, CODE + 4096, &[0x0f, 0x05])
        .expect("code");
    m.space.protect(CODE..CODE + 8192, Prot::READ | Prot::EXEC);
    // Twice, so that the second run follows the link that the first one made.
    for _ in 0..2 {
        m.cpu.rip = CODE;
        assert_eq!(m.run(1000).exit, Exit::Syscall);
    }
    m.cpu.rip = CODE;
    m
}

#[test]
fn code_that_may_no_longer_be_executed_is_not() {
    let cases: &[(&str, u64, u64)] = &[
        ("first page", CODE, CODE),
        ("linked", CODE + 4096, CODE + 4096),
    ];
    for &(name, page, addr) in cases {
        let mut m = two_pages();
        m.space.protect(page..page + 4096, Prot::READ);
        let expected = fault(addr, Access::Exec, FaultCause::Protection);
        assert_eq!(m.run(1000).exit, expected, "{name}");
        m.space.protect(page..page + 4096, Prot::READ | Prot::EXEC);
        assert_eq!(m.run(1000).exit, Exit::Syscall, "{name}, allowed again");
    }
}

#[test]
fn a_link_is_not_followed_to_what_was_there_before() {
    let mut m = two_pages();
    m.space.unmap(&mut m.frames, CODE + 4096..CODE + 8192);
    let gone = fault(CODE + 4096, Access::Exec, FaultCause::NotMapped);
    assert_eq!(m.run(1000).exit, gone);
    // The same frame comes back as another page.
    map(&mut m.frames, &mut m.space, CODE + 4096, Prot::all());
    m.space
        .write(&mut m.frames, CODE + 4096, &[0xb0, 7, 0x0f, 0x05])
        .expect("code");
    assert_eq!(m.run(1000).exit, Exit::Syscall);
    assert_eq!(m.cpu.gpr[0] & 0xff, 7);
}

#[test]
fn a_frame_that_is_used_again_has_no_old_code() {
    let mut m = machine(&TARGET);
    assert_eq!(m.run(10).exit, Exit::Syscall);
    let (old, ..) = m.space.frame_at(CODE).expect("code");
    m.space.unmap(&mut m.frames, CODE..CODE + 4096);
    map(&mut m.frames, &mut m.space, CODE, Prot::all());
    let (new, ..) = m.space.frame_at(CODE).expect("code");
    assert_eq!(old, new, "the frame is used again");
    m.cpu.rip = CODE;
    // Zeroes are `add [rax], al`.
    m.cpu.gpr[reg::RAX] = DATA;
    assert_eq!(m.run(3).exit, Exit::Budget);
}

#[test]
fn an_instruction_across_pages_needs_both() {
    // mov eax, 0x11223344, with its first two bytes on the first page
    let code = [0xb8, 0x44, 0x33, 0x22, 0x11, 0x0f, 0x05];
    let at = CODE + 4096 - 2;
    let mut m = machine_with(&code, at, Prot::READ | Prot::EXEC);
    assert_eq!(
        m.run(10),
        Run {
            exit: Exit::Syscall,
            retired: 2,
            repeats: 0
        }
    );
    assert_eq!(m.cpu.gpr[0], 0x1122_3344);
    // Another frame behind it: the cached instruction must not be used.
    m.space.unmap(&mut m.frames, CODE + 4096..CODE + 8192);
    m.cpu.rip = at;
    assert_eq!(
        m.run(10).exit,
        fault(CODE + 4096, Access::Exec, FaultCause::NotMapped)
    );
    map(
        &mut m.frames,
        &mut m.space,
        CODE + 4096,
        Prot::READ | Prot::WRITE | Prot::EXEC,
    );
    m.space
        .write(&mut m.frames, CODE + 4096, &[1, 2, 3, 0x0f, 0x05])
        .expect("code");
    m.cpu.rip = at;
    assert_eq!(m.run(10).exit, Exit::Syscall);
    assert_eq!(m.cpu.gpr[0], 0x0302_0144);
}

#[test]
fn a_program_can_change_the_next_instruction() {
    // mov byte [rip + 1], 7; mov al, 1 (becomes mov al, 7); syscall
    let code = [0xc6, 0x05, 0x01, 0, 0, 0, 7, 0xb0, 1, 0x0f, 0x05];
    for budget in [1, 1000] {
        let mut m = machine_with(&code, CODE, Prot::all());
        while m.run(budget).exit == Exit::Budget {}
        assert_eq!(m.cpu.gpr[0], 7, "budget {budget}");
    }
}

#[test]
fn a_program_can_change_a_loop_that_it_runs() {
    // The loop's first instruction adds 1; after ten rounds it is made to add 2.
    #[rustfmt::skip]
    let code = [
        0x83, 0xc0, 0x01,                               // add eax, 1
        0x83, 0xc1, 0x01,                               // add ecx, 1
        0x83, 0xf9, 0x0a,                               // cmp ecx, 10
        0x75, 0x07,                                     // jne +7
        0xc6, 0x05, 0xf0, 0xff, 0xff, 0xff, 0x02,       // mov byte [loop + 2], 2
        0x83, 0xf9, 0x14,                               // cmp ecx, 20
        0x75, 0xe9,                                     // jne loop
        0x0f, 0x05,
    ];
    for budget in [1, 5, 1_000_000] {
        let mut m = machine_with(&code, CODE, Prot::all());
        while m.run(budget).exit == Exit::Budget {}
        assert_eq!(m.cpu.gpr[0], 10 + 20, "budget {budget}");
    }
}

#[test]
fn the_kernels_writes_change_code_too() {
    let code = [0xb0, 1, 0x0f, 0x05];
    let mut m = machine(&code);
    m.run(10);
    let (frame, ..) = m.space.frame_at(CODE).expect("code");
    m.frames.bytes_mut(frame)[1] = 9;
    m.cpu.rip = CODE;
    m.run(10);
    assert_eq!(m.cpu.gpr[0] & 0xff, 9);
    m.space.protect(CODE..CODE + 4096, Prot::all());
    m.space.write(&mut m.frames, CODE + 1, &[5]).expect("code");
    m.cpu.rip = CODE;
    m.run(10);
    assert_eq!(m.cpu.gpr[0] & 0xff, 5);
}

#[test]
fn code_that_is_copied_on_write_changes_for_the_writer_only() {
    // mov byte [rip + 1], 7; mov al, 1; syscall, in a page that a child shares
    let code = [0xc6, 0x05, 0x01, 0, 0, 0, 7, 0xb0, 1, 0x0f, 0x05];
    let mut m = machine_with(&code, CODE, Prot::all());
    let child = m.space.fork(&mut m.frames);
    assert_eq!(m.run(100).exit, Exit::Syscall);
    assert_eq!(m.cpu.gpr[0] & 0xff, 7);
    let mut byte = [0];
    child.read(&m.frames, CODE + 8, &mut byte).expect("code");
    assert_eq!(byte, [1]);
}
