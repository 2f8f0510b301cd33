//! Programs that run while a container is made.

use super::case::{Case, Place, own_root, text_of, words};
use glassdock_abi::Sys;
use glassdock_oci::runtime::{Hook, Hooks};
use glassdock_trace::Trace;

/// A shell of the host's, which finds its programs in `root`.
fn shell(root: &str, command: &str) -> Hook {
    Hook {
        path: format!("{root}/bin/sh"),
        args: words(&["sh", "-c", command]),
        env: vec![format!("PATH={root}/bin"), "KEY=value".to_owned()],
        timeout: None,
    }
}

scenarios! {
    hooks_are_told_the_state_at_their_moments(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "cat /seen");
        let root = own_root(&sys, &place).await;
        let seen = format!("{}/seen", place.base);
        let note = |moment: &str| {
            let command = format!("{{ echo {moment} $KEY; cat; echo; [ -e {seen} ] && pwd; }} >> {seen}");
            shell(&place.rootfs, &command)
        };
        let mut inside = shell("", "{ pwd; cat; echo; hostname; } > /seen");
        inside.env = words(&["PATH=/bin"]);
        case.spec.hooks = Some(Hooks {
            prestart: vec![note("first"), note("second")],
            create_runtime: vec![note("runtime")],
            create_container: vec![note("container")],
            start_container: vec![inside],
            ..Hooks::default()
        });
        case.spec.root.as_mut().expect("root").path = root;
        let told = case.run().await + &text_of(&sys, &seen).await;
        let lines = told.replace(&place.base, "BASE");
        // The process's number is the host's.
        let number = |line: &str| match line.split_once("\"creating\",\"pid\":") {
            Some((before, after)) => {
                let number: String = after.chars().take_while(char::is_ascii_digit).collect();
                let shown = if number == "1" { "1" } else { "PID" };
                format!("{before}\"creating\",\"pid\":{shown}{}\n", &after[number.len()..])
            }
            None => format!("{line}\n"),
        };
        lines.lines().map(number).collect()
    }

    a_hook_that_fails_keeps_the_container_from_being_made(sys, place) {
        let late = Hook { timeout: Some(1), ..shell(&place.rootfs, "sleep 60") };
        let missing = Hook { path: "/no/such".to_owned(), ..Hook::default() };
        let mut told = String::new();
        for hook in [shell(&place.rootfs, "echo why; echo not >&2; exit 4"), late, missing, shell(&place.rootfs, "kill $$")] {
            for inside in [false, true] {
                let mut case = Case::new(&sys, &place, "c", "echo never");
                let hooks = vec![shell(&place.rootfs, ":"), hook.clone()];
                case.spec.hooks = Some(match inside {
                    true => Hooks { create_container: hooks, ..Hooks::default() },
                    false => Hooks { create_runtime: hooks, ..Hooks::default() },
                });
                told += &case.run().await;
            }
        }
        told
    }

    what_makes_no_sense_as_a_hook_is_refused(sys, place) {
        let relative = Hook { path: "bin/true".to_owned(), ..Hook::default() };
        let never = Hook { timeout: Some(0), ..shell(&place.rootfs, ":") };
        let mut told = String::new();
        for hooks in [
            Hooks { create_runtime: vec![shell(&place.rootfs, ":"), relative], ..Hooks::default() },
            Hooks { start_container: vec![never], ..Hooks::default() },
            Hooks { poststop: vec![shell(&place.rootfs, ":")], ..Hooks::default() },
            Hooks { prestart: vec![shell(&place.rootfs, ":"); 257], ..Hooks::default() },
        ] {
            let mut case = Case::new(&sys, &place, "c", "echo never");
            case.spec.hooks = Some(hooks);
            told += &case.run().await;
        }
        told
    }
}
