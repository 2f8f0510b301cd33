//! The licences of everybody else's crates in the page: who distributes the built site must
//! carry them along.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::paths::{generated, root};
use crate::run::Cmd;
use crate::setup::wasm_std;

/// The page's two programs.
const PROGRAMS: [&str; 2] = ["glassdock-js", "glassdock-web"];

/// Beginnings of the names of files that hold a licence.
const FILES: [&str; 4] = ["LICENSE", "LICENCE", "COPYING", "NOTICE"];

/// Writes `THIRD-PARTY.txt` where the lock file is newer than it.
///
/// # Errors
/// When cargo cannot tell the dependencies, or the file cannot be written.
pub fn ensure() -> Result<()> {
    let file = generated().join("vendor/THIRD-PARTY.txt");
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    if time(&file).is_some_and(|made| Some(made) > time(&root().join("Cargo.lock"))) {
        return Ok(());
    }
    let text = Cmd::new("cargo")
        .args([
            "metadata",
            "--format-version=1",
            "--filter-platform",
            wasm_std::TARGET,
        ])
        .dir(root())
        .output()?;
    let metadata: Value = serde_json::from_str(&text)?;
    fs::create_dir_all(generated().join("vendor"))?;
    fs::write(&file, notices(&metadata)).with_context(|| file.display().to_string())
}

/// Every licence text once, under the names of the packages that come with it.
fn notices(metadata: &Value) -> String {
    let used = used(metadata);
    let mut by_text: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in array(&metadata["packages"]) {
        // Ours have no source; what does not end in the page is not distributed.
        if package["source"].is_null() || !used.contains(string(&package["id"])) {
            continue;
        }
        let name = format!(
            "{} {}",
            string(&package["name"]),
            string(&package["version"])
        );
        let mut texts = licence_files(Path::new(string(&package["manifest_path"])));
        if texts.is_empty() {
            texts.push(format!("Licence: {}\n", string(&package["license"])));
        }
        for text in texts {
            by_text.entry(text).or_default().insert(name.clone());
        }
    }
    let mut all = String::from("Glassdock's page contains the following works of others.\n");
    let mut sections: Vec<(Vec<String>, String)> = by_text
        .into_iter()
        .map(|(text, names)| (names.into_iter().collect(), text))
        .collect();
    sections.sort();
    for (names, text) in sections {
        let rule = "-".repeat(72);
        // Writing to a String does not fail.
        let _ = write!(
            all,
            "\n{rule}\n{}\n{rule}\n\n{}\n",
            names.join("\n"),
            text.trim()
        );
    }
    all
}

/// Ids of all packages that the page's programs are linked from.
fn used(metadata: &Value) -> BTreeSet<String> {
    let mut nodes = BTreeMap::new();
    for node in array(&metadata["resolve"]["nodes"]) {
        nodes.insert(string(&node["id"]), node);
    }
    let mut pending: Vec<&str> = array(&metadata["packages"])
        .iter()
        .filter(|package| PROGRAMS.contains(&string(&package["name"])))
        .map(|package| string(&package["id"]))
        .collect();
    let mut used = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if !used.insert(id.to_owned()) {
            continue;
        }
        for dependency in nodes.get(id).map_or(&[][..], |node| array(&node["deps"])) {
            let kinds = array(&dependency["dep_kinds"]);
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                pending.push(string(&dependency["pkg"]));
            }
        }
    }
    used
}

fn licence_files(manifest: &Path) -> Vec<String> {
    let Some(entries) = manifest
        .parent()
        .and_then(|folder| fs::read_dir(folder).ok())
    else {
        return Vec::new();
    };
    let mut texts: Vec<(String, String)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().to_uppercase();
            let wanted = FILES.iter().any(|start| name.starts_with(start));
            let text = fs::read_to_string(entry.path()).ok()?;
            wanted.then(|| (name, text.replace('\r', "")))
        })
        .collect();
    texts.sort();
    texts.into_iter().map(|(_, text)| text).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_linked_is_named_and_tools_are_not() {
        let package = |name: &str, source: Value| {
            json!({"id": name, "name": name, "version": "1.0.0", "source": source,
                   "license": "MIT", "manifest_path": "/nowhere/Cargo.toml"})
        };
        let node = |id: &str, deps: &[(&str, Value)]| {
            let deps: Vec<Value> = deps
                .iter()
                .map(|(id, kind)| json!({"pkg": id, "dep_kinds": [{"kind": kind}]}))
                .collect();
            json!({"id": id, "deps": deps})
        };
        let metadata = json!({
            "packages": [
                package("glassdock-js", Value::Null),
                package("linked", json!("registry")),
                package("deep", json!("registry")),
                package("build-tool", json!("registry")),
            ],
            "resolve": {"nodes": [
                node("glassdock-js", &[("linked", Value::Null), ("build-tool", json!("build"))]),
                node("linked", &[("deep", Value::Null)]),
                node("deep", &[]),
                node("build-tool", &[]),
            ]},
        });
        let text = notices(&metadata);
        assert!(text.contains("deep 1.0.0\nlinked 1.0.0\n") && text.contains("Licence: MIT"));
        assert!(!text.contains("build-tool") && !text.contains("glassdock-js"));
    }
}
