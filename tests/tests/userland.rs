//! busybox's applets on both kernels: the same output, the same status.

use glassdock_tests::userland::{busybox, excluded, scripts};
use std::process::Command;

/// Least number of scripts that the comparison is worth something with.
const SCRIPTS_MIN: usize = 150;

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "();|&`\"'{}$".contains(c))
}

#[test]
fn every_applet_is_used_by_a_script_or_excluded_with_a_reason() {
    let list = Command::new(busybox())
        .arg("--list")
        .output()
        .expect("busybox runs");
    let list = String::from_utf8(list.stdout).expect("names are text");
    let scripts = scripts().unwrap();
    assert!(scripts.len() >= SCRIPTS_MIN, "{} scripts", scripts.len());
    let excluded = excluded().unwrap();
    let used = |applet: &str| {
        scripts
            .iter()
            .any(|script| words(&script.text).any(|word| word == applet))
    };
    for applet in list.lines() {
        let reason = excluded.get(applet);
        assert!(
            used(applet) || reason.is_some(),
            "no script uses {applet}, and excluded.txt does not say why"
        );
        assert!(
            reason.is_none_or(|reason| reason.len() > 5),
            "{applet} is excluded without a reason"
        );
    }
}
