//! The house: which crate stands on which floor. `ARCHITECTURE.md` says what each is for.

use serde_json::Value;

/// Folder below `crates/` and floor, from the ground up.
const FLOORS: [(&str, u32); 24] = [
    ("abi", 0),
    ("trace", 1),
    ("cpu", 2),
    ("disk", 2),
    ("net", 2),
    ("fs", 3),
    ("vfs", 3),
    ("kernel", 4),
    ("linux", 4),
    ("api", 5),
    ("http", 5),
    ("oci", 5),
    ("image", 6),
    ("runtime", 6),
    ("cli", 7),
    ("engine", 7),
    ("playground", 8),
    ("glassdock", 9),
    ("js", 9),
    ("web", 9),
    ("wasm-split", 10),
    ("xtask", 10),
    (ORACLE, TESTS_FLOOR),
    (WHOLE, TESTS_FLOOR),
];

/// Runs instructions on the real processor; for tests only.
const ORACLE: &str = "cpu-oracle";
/// The whole-system tests, in `tests/` at the top.
const WHOLE: &str = "tests";
/// Above everything: it may use all, and nothing may use it but tests.
const TESTS_FLOOR: u32 = 11;

/// Crates that never run in a page.
const NATIVE: [&str; 6] = ["linux", "glassdock", "wasm-split", "xtask", ORACLE, WHOLE];

/// Prefix of our packages' names.
const PREFIX: &str = "glassdock-";

/// Whether a crate must compile to wasm.
pub fn runs_in_page(folder: &str) -> bool {
    !NATIVE.contains(&folder)
}

/// A package's folder below `crates/`, by its name.
pub fn folder(package: &Value) -> &str {
    let name = package["name"].as_str().unwrap_or_default();
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// Arrows that do not go down, and crates without a floor.
pub fn broken(packages: &[Value]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in packages {
        let user = folder(package);
        let Some(floor) = floor(user) else {
            broken.push(format!("crate `{user}` has no floor in tidy/floors.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Tests may look at everything.
            if dependency["kind"] == "dev" {
                continue;
            }
            let name = dependency["name"].as_str().unwrap_or_default();
            let Some(used) = name.strip_prefix(PREFIX) else {
                continue;
            };
            match self::floor(used) {
                Some(below) if below < floor => {}
                Some(below) => broken.push(format!(
                    "`{user}` (floor {floor}) uses `{used}` (floor {below})"
                )),
                None => broken.push(format!("`{user}` uses `{used}`, which has no floor")),
            }
        }
    }
    broken
}

fn floor(folder: &str) -> Option<u32> {
    let (_, floor) = FLOORS.iter().find(|(name, _)| *name == folder)?;
    Some(*floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, uses: &[(&str, Value)]) -> Value {
        let dependencies: Vec<Value> = uses
            .iter()
            .map(|(name, kind)| json!({"name": name, "kind": kind}))
            .collect();
        json!({"name": name, "dependencies": dependencies})
    }

    #[test]
    fn arrows_go_down_only() {
        let null = Value::Null;
        for (user, used, good) in [
            ("glassdock-kernel", "glassdock-vfs", true),
            ("glassdock-vfs", "glassdock-kernel", false),
            ("glassdock-engine", "glassdock-cli", false),
            ("glassdock-engine", "serde", true),
            ("glassdock-cpu", "glassdock-cpu-oracle", false),
            ("glassdock-js", "glassdock-web", false),
        ] {
            let found = broken(&[package(user, &[(used, null.clone())])]);
            assert_eq!(found.is_empty(), good, "{user} → {used}: {found:?}");
        }
    }

    #[test]
    fn build_dependencies_count_and_those_of_tests_do_not() {
        let up = |kind: Value| broken(&[package("glassdock-abi", &[("glassdock-cpu", kind)])]);
        assert_eq!(up(json!("build")).len(), 1);
        assert_eq!(up(json!("dev")).len(), 0);
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        let found = broken(&[package("glassdock-cellar", &[])]);
        assert!(found.len() == 1 && found[0].contains("cellar"));
    }
}
