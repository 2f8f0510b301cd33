use super::check::{code, converted, is_filter};
use super::run::run;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn insn(code: u16, jt: u8, jf: u8, k: u32) -> SockFilter {
    SockFilter { code, jt, jf, k }
}

/// Mostly what could be in a filter.
fn any_insn() -> impl Strategy<Value = SockFilter> {
    const LOADS: [u16; 11] = [
        code::LD_IMM,
        code::LD_ABS,
        code::LD_MEM,
        code::LD_LEN,
        code::LDX_IMM,
        code::LDX_MEM,
        code::LDX_LEN,
        code::ST,
        code::STX,
        code::TAX,
        code::TXA,
    ];
    let op = (0..12u16, any::<bool>()).prop_map(|(op, x)| op << 4 | u16::from(x) << 3);
    let code = prop_oneof![
        4 => prop::sample::select(&LOADS[..]),
        3 => op.clone().prop_map(|op| op | code::ALU),
        3 => op.prop_map(|op| op | code::JMP),
        1 => prop::sample::select(&[code::RET_K, code::RET_A][..]),
        1 => any::<u16>(),
    ];
    let k = prop_oneof![4 => 0..80u32, 1 => any::<u32>()];
    (code, 0..4u8, 0..4u8, k).prop_map(|(code, jt, jf, k)| insn(code, jt, jf, k))
}

/// Programs that often are filters: what is not allowed by itself is left out, and the end is a return.
fn any_program() -> impl Strategy<Value = Vec<SockFilter>> {
    vec(any_insn(), 0..40).prop_map(|insns| {
        let end = insn(code::RET_A, 0, 0, 0);
        let alone = |it: &SockFilter| {
            let mut room = vec![insn(code::ST, 0, 0, it.k % 16), *it];
            room.extend([end; 5]);
            is_filter(&room)
        };
        let mut program: Vec<_> = insns.into_iter().filter(alone).collect();
        program.extend([end; 4]);
        program
    })
}

proptest! {
    #[test]
    fn any_instructions_are_checked_and_run_to_an_end(program in vec(any_insn(), 0..40), words in any::<[u32; 16]>()) {
        let (taken, length) = (is_filter(&program), converted(&program));
        prop_assert!(length as usize > program.len());
        prop_assert!(run(&program, &words).is_some() || !taken);
    }

    #[test]
    fn what_is_returned_without_the_arguments_is_returned_with_any(program in any_program(), words in any::<[u32; 16]>()) {
        if !is_filter(&program) {
            return Ok(());
        }
        let returned = run(&program, &words);
        prop_assert!(returned.is_some());
        if let Some(known) = run(&program, &words[..2]) {
            prop_assert_eq!(returned, Some(known));
        }
    }

    #[test]
    fn calls_that_are_known_to_be_allowed_are_what_the_filters_allow(
        programs in vec(any_program(), 1..4),
        number in 0..600u32,
        args in any::<[u64; 6]>(),
    ) {
        let mut filters: Option<Filters> = None;
        for program in programs.iter().filter(|program| is_filter(program)) {
            filters = Filters::with(filters.as_ref(), program);
        }
        if let Some(filters) = filters {
            let data = Data { number, ip: 7, args };
            let asked = Filters { allowed: [0; KNOWN], ..filters.clone() };
            prop_assert_eq!(filters.verdict(&data) & ACTION, asked.verdict(&data) & ACTION);
        }
    }
}

#[test]
fn the_strictest_action_wins_with_the_newest_data() {
    let ret = |k| vec![insn(code::RET_K, 0, 0, k)];
    let cases = [
        (vec![action::ALLOW, action::LOG], action::LOG),
        (
            vec![action::ERRNO | 1, action::ERRNO | 2],
            action::ERRNO | 2,
        ),
        (vec![action::TRAP | 3, action::ERRNO | 2], action::TRAP | 3),
        (
            vec![action::KILL_THREAD, action::KILL_PROCESS, action::TRAP],
            action::KILL_PROCESS,
        ),
    ];
    for (returned, wanted) in cases {
        let mut filters: Option<Filters> = None;
        for k in returned {
            filters = Filters::with(filters.as_ref(), &ret(k));
        }
        let data = Data {
            number: 1,
            ip: 0,
            args: [0; 6],
        };
        assert_eq!(filters.map(|filters| filters.verdict(&data)), Some(wanted));
    }
}

#[test]
fn filters_together_have_a_longest_length() {
    // Each is five instructions of eBPF, and four more for the next one.
    let ret = [insn(code::RET_K, 0, 0, action::ALLOW)];
    let mut filters = None;
    let mut count = 0;
    while let Some(more) = Filters::with(filters.as_ref(), &ret) {
        filters = Some(more);
        count += 1;
    }
    assert_eq!(count, 3641);
}
