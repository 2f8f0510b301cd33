//! What others wrote may be used on the terms of MIT OR Apache-2.0.

use serde_json::Value;

/// Licences that allow it.
const FINE: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages none of whose offered licences is fine.
pub fn broken(packages: &[Value]) -> Vec<String> {
    packages
        .iter()
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or("none named");
            let name = package["name"].as_str().unwrap_or_default();
            (!is_fine(licence)).then(|| format!("{name}: {licence}"))
        })
        .collect()
}

/// `(A OR B) AND C`: fine when an alternative of every part is.
fn is_fine(licence: &str) -> bool {
    // Older manifests write `A/B` for `A OR B`.
    let licence = licence.replace('/', " OR ");
    licence.split(" AND ").all(|part| {
        part.trim_matches(['(', ')', ' '])
            .split(" OR ")
            .any(|one| FINE.contains(&one.trim_matches(['(', ')', ' '])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alternative_of_every_part_is_enough() {
        for (licence, fine) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-2.0", false),
            ("MIT OR GPL-2.0", true),
            ("MIT AND GPL-2.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("none named", false),
        ] {
            assert_eq!(is_fine(licence), fine, "{licence}");
        }
    }
}
