use super::*;
use proptest::prelude::*;
use serde_json::json;

const ALLOW: u32 = 0x7fff_0000;

/// Runs a program as the kernel does, on the little of it that filters have.
fn run(program: &[SockFilter], number: u32, arch: u32, args: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_ne_bytes());
    data.extend(arch.to_ne_bytes());
    data.extend(0u64.to_ne_bytes());
    data.extend(args.iter().flat_map(|arg| arg.to_ne_bytes()));
    let (mut at, mut a) = (0, 0u32);
    loop {
        let insn = program[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { insn.jt } else { insn.jf });
        match insn.code {
            LOAD => {
                let k = insn.k as usize;
                a = u32::from_ne_bytes(data[k..k + 4].try_into().unwrap());
            }
            AND => a &= insn.k,
            JUMP => at += insn.k as usize,
            EQUAL => at += jump(a == insn.k),
            GREATER => at += jump(a > insn.k),
            AT_LEAST => at += jump(a >= insn.k),
            RETURN => return insn.k,
            other => panic!("{other:#x}"),
        }
    }
}

/// What the rules say, read directly.
fn meant(seccomp: &Seccomp, number: u32, args: [u64; 6]) -> u32 {
    let default = action(&seccomp.default_action, seccomp.default_errno_ret, "").unwrap();
    let Some(name) = nr::name(number) else {
        return default;
    };
    let holds = |arg: &SeccompArg| {
        let value = args[arg.index as usize];
        match arg.op.as_str() {
            "SCMP_CMP_NE" => value != arg.value,
            "SCMP_CMP_LT" => value < arg.value,
            "SCMP_CMP_LE" => value <= arg.value,
            "SCMP_CMP_EQ" => value == arg.value,
            "SCMP_CMP_GE" => value >= arg.value,
            "SCMP_CMP_GT" => value > arg.value,
            _ => value & arg.value == arg.value_two & arg.value,
        }
    };
    let rule = seccomp.syscalls.iter().find(|rule| {
        let action = action(&rule.action, rule.errno_ret, "").unwrap();
        action != default
            && rule.names.iter().any(|known| known == name)
            && rule.args.iter().all(holds)
    });
    rule.map_or(default, |rule| {
        action(&rule.action, rule.errno_ret, "").unwrap()
    })
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4u64,
        Just(u64::from(u32::MAX)),
        (0..3u64).prop_map(|low| 1 << 32 | low),
        any::<u64>(),
    ]
}

fn an_action() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["ALLOW", "ERRNO", "KILL_PROCESS", "LOG", "TRAP"])
        .prop_map(|name| format!("SCMP_ACT_{name}"))
}

fn argument() -> impl Strategy<Value = SeccompArg> {
    let op = prop::sample::select(vec!["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]);
    (0..ARGS, value(), value(), op).prop_map(|(index, value, value_two, op)| SeccompArg {
        index,
        value,
        value_two,
        op: format!("SCMP_CMP_{op}"),
    })
}

fn rule() -> impl Strategy<Value = SeccompRule> {
    let names = prop::collection::vec(0..nr::ALL.len(), 1..20)
        .prop_map(|all| all.into_iter().map(|at| nr::ALL[at].1.to_owned()).collect());
    let args = prop::collection::vec(argument(), 0..4);
    (names, an_action(), prop::option::of(1..100u32), args).prop_map(
        |(names, action, errno_ret, args)| SeccompRule {
            names,
            action,
            errno_ret,
            args,
        },
    )
}

proptest! {
    #[test]
    fn the_program_does_what_the_rules_say(
        default_action in an_action(),
        syscalls in prop::collection::vec(rule(), 0..20),
        calls in prop::collection::vec((0..480u32, prop::array::uniform6(value())), 50),
    ) {
        let seccomp = Seccomp { default_action, syscalls, ..Seccomp::default() };
        let filter = match compile(&seccomp) {
            Ok(filter) => filter,
            // Many rules with many conditions are more than the kernel takes.
            Err(error) => {
                prop_assert!(error.to_string().contains("instructions"), "{error}");
                return Ok(());
            }
        };
        for (number, args) in calls {
            prop_assert_eq!(run(&filter.program, number, ARCH, args), meant(&seccomp, number, args));
        }
    }
}

fn filter(document: serde_json::Value) -> Result<Filter> {
    compile(&serde_json::from_value(document).expect("a document"))
}

#[test]
fn other_architectures_and_x32_get_the_default_action() {
    let all: Vec<&str> = nr::ALL.iter().map(|row| row.1).collect();
    let filter = filter(json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": all, "action": "SCMP_ACT_ALLOW"}],
    }));
    let program = filter.expect("a filter").program;
    const I386: u32 = 0x4000_0003;
    assert_eq!(run(&program, 0, ARCH, [0; 6]), ALLOW);
    assert_eq!(run(&program, 0, I386, [0; 6]), 0x0005_0001);
    assert_eq!(run(&program, X32, ARCH, [0; 6]), 0x0005_0001);
    assert_eq!(run(&program, u32::MAX, ARCH, [0; 6]), 0x0005_0001);
}

#[test]
fn a_long_list_is_a_short_program() {
    let names: Vec<&str> = nr::ALL.iter().map(|row| row.1).step_by(2).collect();
    let filter = filter(json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
    }));
    let program = filter.expect("a filter").program;
    assert!(program.len() < 3 * nr::ALL.len(), "{}", program.len());
    assert_eq!(run(&program, nr::ALL[0].0, ARCH, [0; 6]), ALLOW);
    assert_eq!(run(&program, nr::ALL[1].0, ARCH, [0; 6]), 0x0005_0001);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field() {
    let rule = |extra: serde_json::Value| {
        let mut rule = json!({"names": ["read"], "action": "SCMP_ACT_ALLOW"});
        rule.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]})
    };
    let arg =
        |index: u32, op: &str| rule(json!({"args": [{"index": index, "value": 0, "op": op}]}));
    for (document, field) in [
        (
            json!({"defaultAction": "SCMP_ACT_NOPE"}),
            "linux.seccomp.defaultAction",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_NOTIFY"}),
            "linux.seccomp.defaultAction",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 70_000}),
            "linux.seccomp.defaultAction",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ERRNO", "flags": ["X"]}),
            "linux.seccomp.flags[0]",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["x86"]}),
            "linux.seccomp.architectures[0]",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_ARM"]}),
            "linux.seccomp.architectures",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/x"}),
            "linux.seccomp.listenerPath",
        ),
        (
            rule(json!({"action": "x"})),
            "linux.seccomp.syscalls[0].action",
        ),
        (
            arg(6, "SCMP_CMP_EQ"),
            "linux.seccomp.syscalls[0].args[0].index",
        ),
        (arg(0, "EQ"), "linux.seccomp.syscalls[0].args[0].op"),
    ] {
        assert_eq!(filter(document).expect_err("nonsense").field, field);
    }
}
