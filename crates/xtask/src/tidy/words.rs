//! Words that have no place in the sources.

/// Hosts that only say from where somebody's tools fetched something.
const REGISTRY_HOSTS: [&str; 5] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("deb.", "debian.org"),
    concat!("pypi.", "org"),
];

/// What counts as a mark of unfinished work.
const MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// A reason has at least this many characters.
const REASON: usize = 15;

/// Lines that name a path of this machine or a registry's host.
pub fn machine_words(files: &[(String, String)], paths: &[String]) -> Vec<String> {
    places(files, |line| {
        REGISTRY_HOSTS.iter().any(|host| line.contains(host))
            || paths.iter().any(|path| names_path(line, path))
    })
}

/// Whether a line has this path or one below it: `/srv/build` is named by `/srv/build/x`, not by `/srv/builder`.
fn names_path(line: &str, path: &str) -> bool {
    let goes_on = |char: Option<char>| {
        char.is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | '-'))
    };
    line.match_indices(path).any(|(at, _)| {
        !goes_on(line[..at].chars().next_back()) && !goes_on(line[at + path.len()..].chars().next())
    })
}

/// Marks of unfinished work without the reason: `mark: why it is left`.
pub fn bare_todos(files: &[(String, String)]) -> Vec<String> {
    places(files, |line| {
        MARKS.iter().any(|mark| {
            line.match_indices(mark)
                .filter(|(at, _)| is_word(line, *at, mark.len()))
                .any(|(at, _)| !has_reason(&line[at + mark.len()..]))
        })
    })
}

fn is_word(line: &str, at: usize, length: usize) -> bool {
    let letter = |char: Option<char>| char.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !letter(line[..at].chars().next_back()) && !letter(line[at + length..].chars().next())
}

fn has_reason(rest: &str) -> bool {
    let reason = rest.split_once(':').map_or("", |(_, reason)| reason.trim());
    reason.chars().count() >= REASON
}

fn places(files: &[(String, String)], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files {
        for (number, line) in text.lines().enumerate() {
            if wrong(line) {
                found.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(line: &str) -> Vec<(String, String)> {
        vec![("a.rs".into(), format!("// fine\n{line}\n"))]
    }

    #[test]
    fn marks_need_a_reason() {
        let mark = MARKS[0];
        for (line, good) in [
            (format!("// {mark}"), false),
            (format!("// {mark}: later"), false),
            (
                format!("// {mark}: needs the network, which comes with issue 6"),
                true,
            ),
            (format!("const {mark}S: u8 = 1;"), true),
        ] {
            assert_eq!(bare_todos(&file(&line)).is_empty(), good, "{line}");
        }
    }

    #[test]
    fn paths_and_hosts_are_found_with_their_place() {
        let paths = ["/srv/build".to_owned()];
        for (line, named) in [
            ("see /srv/build/x", true),
            ("in /srv/build.", true),
            ("file:///srv/build", true),
            ("/srv/builder and then /srv/build", true),
            ("/srv/builder", false),
            ("/srv/build-2/x", false),
            ("/srv/build_2", false),
            ("dir/srv/build", false),
        ] {
            let found = machine_words(&file(line), &paths);
            let place = format!("a.rs:2: {line}");
            assert_eq!(found, if named { vec![place] } else { vec![] });
        }
        assert_eq!(machine_words(&file(REGISTRY_HOSTS[0]), &[]).len(), 1);
        assert_eq!(
            machine_words(&file("/root is root's home"), &paths).len(),
            0
        );
    }
}
