//! System-call filters: a specification's rules as a program of classic BPF (config-linux.md, "Seccomp"; `man 2 seccomp`).
//!
//! The program asks for the architecture, then looks for the call's number by halves, among ranges of numbers that share an
//! outcome, and then at arguments where rules ask for that. Calls of other architectures and of x32, whose numbers mean
//! something else, get the default action.

use crate::plan::PlanError;
use glassdock_abi::nr;
use glassdock_abi::types::SockFilter;
use glassdock_oci::runtime::{Seccomp, SeccompArg, SeccompRule};
use std::collections::BTreeMap;

/// A file that is there where the kernel has system-call filters (`man 2 seccomp`).
pub const KERNEL_HAS: &str = "/proc/sys/kernel/seccomp/actions_avail";

/// Most instructions of a filter (`BPF_MAXINSNS`).
const MAX_INSTRUCTIONS: usize = 4096;
/// Most rules of a filter.
const MAX_RULES: usize = 4096;
/// `AUDIT_ARCH_X86_64`.
const ARCH: u32 = 0xc000_003e;
/// From here on numbers are those of x32 (`__X32_SYSCALL_BIT`).
const X32: u32 = 0x4000_0000;
/// Offsets in `struct seccomp_data`.
const NR_AT: u32 = 0;
const ARCH_AT: u32 = 4;
const ARGS_AT: u32 = 16;
/// Arguments of a system call.
const ARGS: u32 = 6;
const EPERM: u32 = 1;

/// `BPF_LD | BPF_W | BPF_ABS`
const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`
const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`
const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`
const EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`
const GREATER: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`
const AT_LEAST: u16 = 0x35;
/// `BPF_RET | BPF_K`
const RETURN: u16 = 0x06;

/// Flags of a filter, and their bits (`man 2 seccomp`).
pub const FLAGS: [(&str, u32); 3] = [
    ("SECCOMP_FILTER_FLAG_TSYNC", 1),
    ("SECCOMP_FILTER_FLAG_LOG", 2),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4),
];

/// Actions, and what a filter returns for them; errnos are added.
pub const ACTIONS: [(&str, u32); 8] = [
    ("SCMP_ACT_ALLOW", 0x7fff_0000),
    ("SCMP_ACT_ERRNO", 0x0005_0000),
    ("SCMP_ACT_KILL", 0),
    ("SCMP_ACT_KILL_PROCESS", 0x8000_0000),
    ("SCMP_ACT_KILL_THREAD", 0),
    ("SCMP_ACT_LOG", 0x7ffc_0000),
    ("SCMP_ACT_TRACE", 0x7ff0_0000),
    ("SCMP_ACT_TRAP", 0x0003_0000),
];

/// Operators of conditions.
pub const OPERATORS: [&str; 7] = [
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
];

type Result<T> = core::result::Result<T, PlanError>;

/// A filter as the kernel takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The program.
    pub program: Vec<SockFilter>,
    /// Flags of `man 2 seccomp`.
    pub flags: u32,
}

/// Makes the program of a specification's filter.
///
/// # Errors
/// What makes no sense or is not supported, with its field.
pub fn compile(seccomp: &Seccomp) -> Result<Filter> {
    if !seccomp.listener_path.is_empty() {
        return Err(PlanError::unsupported(
            "linux.seccomp.listenerPath",
            "telling another process of calls",
        ));
    }
    let default = action(
        &seccomp.default_action,
        seccomp.default_errno_ret,
        "linux.seccomp.defaultAction",
    )?;
    architectures(&seccomp.architectures)?;
    let outcomes = outcomes(&seccomp.syscalls, default)?;
    let mut code = vec![
        load(ARCH_AT),
        // The next instruction but one where it is ours.
        branch(EQUAL, ARCH, 1, 0),
        give(default),
        load(NR_AT),
    ];
    code.extend(search(&ranges(&outcomes, default)?)?);
    if code.len() > MAX_INSTRUCTIONS {
        return Err(PlanError::invalid(
            "linux.seccomp.syscalls",
            format!("more than {MAX_INSTRUCTIONS} instructions"),
        ));
    }
    Ok(Filter {
        program: code,
        flags: flags(&seccomp.flags)?,
    })
}

fn architectures(names: &[String]) -> Result<()> {
    for (index, name) in names.iter().enumerate() {
        if !name.starts_with("SCMP_ARCH_") {
            return Err(PlanError::invalid(
                format!("linux.seccomp.architectures[{index}]"),
                format!("invalid arch: {name}"),
            ));
        }
    }
    let own = |name: &String| name == "SCMP_ARCH_X86_64" || name == "SCMP_ARCH_NATIVE";
    if !names.is_empty() && !names.iter().any(own) {
        return Err(PlanError::unsupported(
            "linux.seccomp.architectures",
            "a filter that is not for x86-64",
        ));
    }
    Ok(())
}

fn flags(names: &[String]) -> Result<u32> {
    let mut flags = 0;
    for (index, name) in names.iter().enumerate() {
        let known = FLAGS.iter().find(|(known, _)| known == name);
        flags |= known.map(|(_, bit)| bit).ok_or_else(|| {
            PlanError::invalid(
                format!("linux.seccomp.flags[{index}]"),
                format!("unknown flag {name:?}"),
            )
        })?;
    }
    Ok(flags)
}

/// What a filter returns for an action.
fn action(name: &str, errno: Option<u32>, field: &str) -> Result<u32> {
    let errno = errno.unwrap_or(EPERM);
    let Ok(errno) = u16::try_from(errno) else {
        return Err(PlanError::invalid(field, format!("{errno} is no errno")));
    };
    if name == "SCMP_ACT_NOTIFY" {
        return Err(PlanError::unsupported(
            field,
            "telling another process of calls",
        ));
    }
    let known = ACTIONS.iter().find(|(known, _)| *known == name);
    let (_, action) =
        known.ok_or_else(|| PlanError::invalid(field, format!("invalid action: {name}")))?;
    let takes_errno = matches!(name, "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE");
    Ok(action | if takes_errno { u32::from(errno) } else { 0 })
}

/// What comes of one system call: the first rule whose conditions hold decides.
type Outcome<'a> = Vec<(&'a [SeccompArg], u32)>;

fn outcomes(rules: &[SeccompRule], default: u32) -> Result<BTreeMap<u32, Outcome<'_>>> {
    if rules.len() > MAX_RULES {
        return Err(PlanError::invalid(
            "linux.seccomp.syscalls",
            format!("more than {MAX_RULES} rules"),
        ));
    }
    let numbers: BTreeMap<&str, u32> = nr::ALL.iter().map(|(nr, name)| (*name, *nr)).collect();
    let mut outcomes: BTreeMap<u32, Outcome<'_>> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("linux.seccomp.syscalls[{index}]");
        let action = action(&rule.action, rule.errno_ret, &format!("{field}.action"))?;
        check(&rule.args, &field)?;
        // As with runc: it says nothing.
        if action == default {
            continue;
        }
        // Names that this architecture does not have are nobody's.
        for number in rule
            .names
            .iter()
            .filter_map(|name| numbers.get(name.as_str()))
        {
            outcomes
                .entry(*number)
                .or_default()
                .push((&rule.args, action));
        }
    }
    Ok(outcomes)
}

fn check(args: &[SeccompArg], field: &str) -> Result<()> {
    for (index, arg) in args.iter().enumerate() {
        let field = format!("{field}.args[{index}]");
        if arg.index >= ARGS {
            return Err(PlanError::invalid(
                format!("{field}.index"),
                format!("{} is no argument", arg.index),
            ));
        }
        if !OPERATORS.contains(&arg.op.as_str()) {
            return Err(PlanError::invalid(
                format!("{field}.op"),
                format!("invalid operator: {}", arg.op),
            ));
        }
    }
    Ok(())
}

/// Numbers from one on, up to the next range's, and the code of what comes of them.
struct Range {
    from: u32,
    code: Vec<SockFilter>,
}

fn ranges(outcomes: &BTreeMap<u32, Outcome<'_>>, default: u32) -> Result<Vec<Range>> {
    let mut all: Vec<Range> = Vec::new();
    let mut push = |from: u32, code: Vec<SockFilter>| {
        if all.last().is_none_or(|last| last.code != code) {
            all.push(Range { from, code });
        }
    };
    let mut next = 0;
    for (number, outcome) in outcomes {
        if *number > next {
            push(next, vec![give(default)]);
        }
        push(*number, decide(outcome, default)?);
        next = *number + 1;
    }
    push(next, vec![give(default)]);
    debug_assert!(next < X32, "numbers end before those of x32");
    Ok(all)
}

/// Goes to the range of the number that is loaded.
fn search(ranges: &[Range]) -> Result<Vec<SockFilter>> {
    let Some(middle) = ranges.get(ranges.len() / 2).filter(|_| ranges.len() > 1) else {
        return Ok(ranges
            .first()
            .map(|range| range.code.clone())
            .unwrap_or_default());
    };
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let (below, above) = (search(below)?, search(above)?);
    let mut code = Vec::new();
    match u8::try_from(below.len()) {
        Ok(skip) => code.push(branch(AT_LEAST, middle.from, skip, 0)),
        // Too far for a branch: over a jump.
        Err(_) => {
            code.push(branch(AT_LEAST, middle.from, 0, 1));
            code.push(SockFilter {
                code: JUMP,
                jt: 0,
                jf: 0,
                k: below.len() as u32,
            });
        }
    }
    code.extend(below);
    code.extend(above);
    Ok(code)
}

/// The code of one call's rules.
fn decide(outcome: &Outcome<'_>, default: u32) -> Result<Vec<SockFilter>> {
    let mut code = Vec::new();
    for (args, action) in outcome {
        // From the last condition to the first: each knows how far its rule goes on.
        let mut rule = vec![give(*action)];
        for arg in args.iter().rev() {
            let mut condition = compare(arg, rule.len())?;
            condition.extend(rule);
            rule = condition;
        }
        code.extend(rule);
        if args.is_empty() {
            return Ok(code);
        }
    }
    code.push(give(default));
    Ok(code)
}

/// Compares an argument. Where it holds the code goes on behind this; where not, over `rest` instructions more.
fn compare(arg: &SeccompArg, rest: usize) -> Result<Vec<SockFilter>> {
    let at = ARGS_AT + 8 * arg.index;
    let (low, high) = (load(at), load(at + 4));
    let halves = |value: u64| (value as u32, (value >> 32) as u32);
    let (l, h) = halves(arg.value);
    // Distances to the end of a comparison of `length` instructions from its instruction `at`.
    let hop = |length: usize, at: usize, fails: bool| {
        let distance = length - at - 1 + if fails { rest } else { 0 };
        u8::try_from(distance).map_err(|_| {
            PlanError::invalid("linux.seccomp.syscalls", "a rule with too many conditions")
        })
    };
    let and = |mask: u32| SockFilter {
        code: AND,
        jt: 0,
        jf: 0,
        k: mask,
    };
    Ok(match arg.op.as_str() {
        "SCMP_CMP_EQ" => vec![
            high,
            branch(EQUAL, h, 0, hop(4, 1, true)?),
            low,
            branch(EQUAL, l, 0, hop(4, 3, true)?),
        ],
        "SCMP_CMP_NE" => vec![
            high,
            branch(EQUAL, h, 0, hop(4, 1, false)?),
            low,
            branch(EQUAL, l, hop(4, 3, true)?, 0),
        ],
        "SCMP_CMP_MASKED_EQ" => {
            let (value_low, value_high) = halves(arg.value_two & arg.value);
            vec![
                high,
                and(h),
                branch(EQUAL, value_high, 0, hop(6, 2, true)?),
                low,
                and(l),
                branch(EQUAL, value_low, 0, hop(6, 5, true)?),
            ]
        }
        op => {
            let holds = matches!(op, "SCMP_CMP_GT" | "SCMP_CMP_GE");
            // LT is not GE, LE is not GT.
            let last = match op {
                "SCMP_CMP_GT" | "SCMP_CMP_LE" => GREATER,
                _ => AT_LEAST,
            };
            let (more, less) = (hop(5, 1, !holds)?, hop(5, 2, holds)?);
            let (yes, no) = (hop(5, 4, !holds)?, hop(5, 4, holds)?);
            vec![
                high,
                branch(GREATER, h, more, 0),
                branch(EQUAL, h, 0, less),
                low,
                branch(last, l, yes, no),
            ]
        }
    })
}

fn load(at: u32) -> SockFilter {
    SockFilter {
        code: LOAD,
        jt: 0,
        jf: 0,
        k: at,
    }
}

fn branch(code: u16, k: u32, jt: u8, jf: u8) -> SockFilter {
    SockFilter { code, jt, jf, k }
}

fn give(action: u32) -> SockFilter {
    SockFilter {
        code: RETURN,
        jt: 0,
        jf: 0,
        k: action,
    }
}

#[cfg(test)]
mod tests;
