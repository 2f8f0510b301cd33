//! The workspace's lints hold everywhere.

/// Crates that must talk to the real machine, and therefore have lints of their own.
const MAY_BE_UNSAFE: [&str; 1] = ["linux"];

/// Manifests (crate folder, text; the workspace's is `.`) that escape the lints.
pub fn broken(manifests: &[(String, String)]) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, text) in manifests {
        if name == "." {
            for line in ["unsafe_code = \"forbid\"", "missing_docs = \"warn\""] {
                if !has_line(text, "[workspace.lints.rust]", line) {
                    broken.push(format!("Cargo.toml: [workspace.lints.rust] lacks `{line}`"));
                }
            }
        } else if MAY_BE_UNSAFE.contains(&name.as_str()) {
            if !has_line(text, "[lints.rust]", "missing_docs = \"warn\"") {
                broken.push(format!("crates/{name}: [lints.rust] lacks missing_docs"));
            }
        } else if !has_line(text, "[lints]", "workspace = true") {
            broken.push(format!("crates/{name}: [lints] lacks `workspace = true`"));
        }
    }
    broken
}

/// Whether a table of a manifest has exactly this line.
fn has_line(manifest: &str, table: &str, line: &str) -> bool {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|other| *other != table)
        .skip(1)
        .take_while(|other| !other.starts_with('['))
        .any(|other| other == line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) -> usize {
        broken(&[(name.to_owned(), text.to_owned())]).len()
    }

    #[test]
    fn a_crate_takes_the_lints_in_the_right_table() {
        assert_eq!(check("abi", "[package]\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(check("abi", "[package]\nname = \"x\"\n"), 1);
        assert_eq!(check("abi", "[lints]\n[other]\nworkspace = true\n"), 1);
    }

    #[test]
    fn only_the_crates_on_the_list_may_have_their_own() {
        let own = "[lints.rust]\nmissing_docs = \"warn\"\n";
        assert_eq!(check("linux", own), 0);
        assert_eq!(check("linux", "[lints.rust]\n"), 1);
        assert_eq!(check("kernel", own), 1);
    }

    #[test]
    fn the_workspace_forbids_unsafe_code() {
        let both = "[workspace.lints.rust]\nmissing_docs = \"warn\"\nunsafe_code = \"forbid\"\n";
        assert_eq!(check(".", both), 0);
        assert_eq!(check(".", &both.replace("forbid", "warn")), 1);
    }
}
