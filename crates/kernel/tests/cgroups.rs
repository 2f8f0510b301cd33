//! Control groups of version 2: the same script prints the same on Linux, where another test runs it in an emulated machine.

mod common;
use common::*;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::Winsize;
use glassdock_abi::{Call, Fd, Io, Sys};
use glassdock_kernel::testing::{self, Unfinished};
use glassdock_kernel::{Config, ImportNode, RunState};
use glassdock_trace::{EventKind, World};
use proptest::prelude::*;

/// Most slices that it may take.
const SLICES: u32 = 4000;

#[test]
fn control_groups_do_as_on_linux() {
    let script = include_bytes!("../../../tests/programs/cgroups.sh");
    let mut kernel = machine(Config::default());
    kernel
        .import(b"script", &meta(0o644), ImportNode::File(script))
        .expect("import");
    let console = kernel.open_console(Winsize::default()).expect("console");
    kernel
        .boot(
            "/bin/sh",
            &["sh", "-c", "sh /script; exit"],
            ENV,
            Some(console),
        )
        .expect("boot");
    let mut told = Vec::new();
    for _ in 0..SLICES {
        let state = run(&mut kernel, 1);
        told.extend(kernel.take_output(console));
        if state != RunState::Busy {
            break;
        }
    }
    let told = String::from_utf8_lossy(&told);
    let told: Vec<&str> = told.lines().collect();
    let expected = include_str!("../../../tests/programs/cgroups.txt");
    assert_eq!(told.join("\n"), expected.trim_end());
}

/// Groups that strangers' writes make, fill and remove.
const GROUPS: [&str; 6] = ["", "/a", "/b", "/a/b", "/a/c", "/a/b/d"];
/// Files that can be written.
const FILES: [&str; 22] = [
    "cgroup.type",
    "cgroup.procs",
    "cgroup.subtree_control",
    "cgroup.max.depth",
    "cgroup.max.descendants",
    "cgroup.kill",
    "cpu.weight",
    "cpu.weight.nice",
    "cpu.idle",
    "cpu.max",
    "cpu.max.burst",
    "cpuset.cpus",
    "cpuset.mems",
    "memory.min",
    "memory.low",
    "memory.high",
    "memory.max",
    "memory.oom.group",
    "memory.reclaim",
    "memory.swap.max",
    "pids.max",
    "cgroup.events",
];
const TEXTS: [&str; 20] = [
    "0",
    "1",
    "max",
    "-1",
    "",
    "4096",
    "2m",
    "1000",
    "10000",
    "19",
    "+memory +pids",
    "+cpu +cpuset",
    "-memory",
    "-cpu -pids -cpuset",
    "1000 1000",
    "max 1000000",
    "17592186044415 1000000",
    "18446744073709551615",
    "18446744073709551615 1000000",
    "9223372036854775807",
];

#[derive(Clone, Debug)]
enum Act {
    Make(usize),
    Remove(usize),
    Write(usize, usize, Vec<u8>),
    Read(usize, usize),
}

fn act() -> impl Strategy<Value = Act> {
    let group = 0..GROUPS.len();
    let text = prop_oneof![
        4 => prop::sample::select(TEXTS.as_slice()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop_oneof![
        2 => group.clone().prop_map(Act::Make),
        1 => group.clone().prop_map(Act::Remove),
        6 => (group.clone(), 0..FILES.len(), text).prop_map(|(at, file, text)| Act::Write(at, file, text)),
        1 => (group, 0..FILES.len()).prop_map(|(at, file)| Act::Read(at, file)),
    ]
}

async fn perform<S: Sys>(sys: &S, act: &Act) {
    let dir = |at: usize| format!("/sys/fs/cgroup{}", GROUPS[at]);
    let file = |at, file: usize| format!("{}/{}", dir(at), FILES[file]);
    let _ = match act {
        Act::Make(at) => {
            let call = Call::Mkdirat {
                dirfd: Fd::CWD,
                path: dir(*at).into(),
                mode: 0o755,
            };
            sys.call(call).await.map(drop)
        }
        Act::Remove(at) => {
            sys.unlinkat(Fd::CWD, dir(*at).into(), AtFlags::REMOVEDIR)
                .await
        }
        Act::Write(at, name, text) => {
            match sys
                .openat(Fd::CWD, file(*at, *name).into(), OpenFlags::WRONLY, 0)
                .await
            {
                Ok(open) => {
                    let call = Call::Write {
                        fd: open.fd(),
                        data: text.clone(),
                    };
                    sys.call(call).await.map(drop)
                }
                Err(errno) => Err(errno),
            }
        }
        Act::Read(at, name) => {
            match sys
                .openat(Fd::CWD, file(*at, *name).into(), OpenFlags::RDONLY, 0)
                .await
            {
                Ok(open) => sys.read(open.fd(), 4096).await.map(drop),
                Err(errno) => Err(errno),
            }
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_written_the_kernel_stays_and_tells_what_it_is(acts in prop::collection::vec(act(), 1..60)) {
        let mut config = Config::default();
        config.trace.record = true;
        let mut kernel = testing::host(config, &[], Vec::new());
        let first = |task| async move {
            for act in &acts {
                perform(&task, act).await;
            }
        };
        let done = testing::run(&mut kernel, 2000, first, |_| {});
        prop_assert!(matches!(done, Ok(()) | Err(Unfinished::Ended)));
        let mut world = World::default();
        for (_, event) in kernel.tracer().read(0, usize::MAX) {
            if let EventKind::Delta { delta, .. } = event.kind {
                world.apply(delta).expect("a delta fits");
            }
        }
        let wrong = world.differences(&kernel.inspect());
        prop_assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
