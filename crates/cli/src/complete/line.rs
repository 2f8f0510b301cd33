//! What stands where a line goes on: pure, from the table of commands.

use crate::commands::{Action, Command, DOCKER};
use crate::flags::{Flag, Kind};

/// What the word that is being written can be.
#[derive(Debug)]
pub enum Place<'a> {
    /// The name of a command below this one.
    Command(&'static Command),
    /// One of these flags, each as it is written and with its help.
    Flags(Vec<(String, &'static str)>),
    /// The value of a flag, of which so much is written.
    Value(&'static Command, Flag, &'a str),
    /// An argument of a command that is no flag.
    Argument(&'static Command),
}

/// A line up to its last word.
#[derive(Debug)]
pub struct Line<'a> {
    /// What the last word can be; `None` where nothing is known, as after a command that there is not.
    pub place: Option<Place<'a>>,
    /// The command's arguments before the last word.
    pub args: Vec<&'a str>,
    /// The command's flags before it.
    pub given: Vec<&'static str>,
}

impl<'a> Line<'a> {
    fn unknown() -> Line<'a> {
        Line {
            place: None,
            args: Vec::new(),
            given: Vec::new(),
        }
    }

    fn at(place: Place<'a>) -> Line<'a> {
        Line {
            place: Some(place),
            ..Line::unknown()
        }
    }
}

/// Reads a line: the words before the last one, and that one as far as it is written (cobra's `getCompletions`).
pub fn read<'a>(words: &'a [String], last: &'a str) -> Line<'a> {
    let (mut command, mut words) = (&DOCKER, words);
    loop {
        let Some(walk) = walk(command, words) else {
            return Line::unknown();
        };
        if let Some(flag) = walk.pending {
            return Line::at(Place::Value(command, flag, last));
        }
        let Some((&name, _)) = walk
            .args
            .split_first()
            .filter(|_| !command.children.is_empty())
        else {
            return end(command, walk, last);
        };
        let child = command.child(name);
        match child.filter(|child| child.action != Action::Unsupported) {
            Some(child) => command = child,
            None => return Line::unknown(),
        }
        words = &words[walk.first..];
    }
}

/// The words of a command up to the one that is being written.
#[derive(Default)]
struct Walk<'a> {
    args: Vec<&'a str>,
    given: Vec<&'static str>,
    /// The flag whose value comes next.
    pending: Option<Flag>,
    /// Flags have ended.
    ended: bool,
    /// Where the words after the first argument begin.
    first: usize,
}

/// `None` for a flag that there is not.
fn walk<'a>(command: &Command, words: &'a [String]) -> Option<Walk<'a>> {
    let flags = command.all_flags();
    // The commands below one have flags of their own.
    let interspersed = command.interspersed && command.children.is_empty();
    let mut walk = Walk::default();
    for (n, word) in words.iter().enumerate() {
        if walk.pending.take().is_some() {
            continue;
        }
        if walk.ended || !word.starts_with('-') || word == "-" {
            if walk.args.is_empty() {
                walk.first = n + 1;
            }
            walk.args.push(word);
            walk.ended |= !interspersed;
        } else if word == "--" {
            walk.ended = true;
        } else if let Some(long) = word.strip_prefix("--") {
            long_flag(&mut walk, &flags, long)?;
        } else {
            short_flags(&mut walk, &flags, &word[1..])?;
        }
    }
    Some(walk)
}

fn long_flag(walk: &mut Walk<'_>, flags: &[Flag], long: &str) -> Option<()> {
    let name = long.split('=').next().unwrap_or_default();
    let flag = flags.iter().find(|flag| flag.long == name)?;
    walk.given.push(flag.long);
    let takes_next = !matches!(flag.kind, Kind::Bool) && name.len() == long.len();
    walk.pending = takes_next.then_some(*flag);
    Some(())
}

fn short_flags(walk: &mut Walk<'_>, flags: &[Flag], letters: &str) -> Option<()> {
    for (at, letter) in letters.char_indices() {
        let flag = flags.iter().find(|flag| flag.short == Some(letter))?;
        walk.given.push(flag.long);
        let rest = &letters[at + letter.len_utf8()..];
        match flag.kind {
            _ if rest.starts_with('=') => return Some(()),
            Kind::Bool => {}
            _ => {
                walk.pending = rest.is_empty().then_some(*flag);
                return Some(());
            }
        }
    }
    Some(())
}

fn end<'a>(command: &'static Command, walk: Walk<'a>, last: &'a str) -> Line<'a> {
    let mut line = Line {
        place: Some(match command.children.is_empty() {
            true => Place::Argument(command),
            false => Place::Command(command),
        }),
        args: walk.args,
        given: walk.given,
    };
    if walk.ended || !last.starts_with('-') {
        return line;
    }
    let flags = command.all_flags();
    if let Some((name, value)) = last.split_once('=') {
        let named = |flag: &&Flag| match name.strip_prefix("--") {
            Some(long) => flag.long == long,
            None => flag
                .short
                .is_some_and(|short| name[1..].chars().eq([short])),
        };
        let flag = flags.iter().find(named);
        line.place = flag.map(|flag| Place::Value(command, *flag, value));
        return line;
    }
    line.place = Some(Place::Flags(written(&flags, &line.given, last)));
    line
}

/// The flags that begin with what is written, but those that can be given once and were.
fn written(flags: &[Flag], given: &[&str], last: &str) -> Vec<(String, &'static str)> {
    let again = |flag: &&Flag| {
        !given.contains(&flag.long)
            || matches!(
                flag.kind,
                Kind::List(_) | Kind::Slice | Kind::Other("stringToString", _)
            )
    };
    let mut flags: Vec<_> = flags
        .iter()
        .filter(|flag| !flag.hidden)
        .filter(again)
        .collect();
    flags.sort_by_key(|flag| flag.long);
    let spellings = |flag: &Flag| {
        let short = flag.short.map(|short| format!("-{short}"));
        let help = flag.help;
        [Some(format!("--{}", flag.long)), short].map(|text| Some((text?, help)))
    };
    let all = flags.into_iter().flat_map(spellings).flatten();
    all.filter(|(text, _)| text.starts_with(last)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn told(line: &str) -> String {
        let words = words(line);
        let (last, before) = words.split_last().unwrap();
        let line = read(before, last);
        match line.place {
            None => "?".to_owned(),
            Some(Place::Command(command)) => format!("command of '{}'", command.name),
            Some(Place::Flags(flags)) => {
                let flags: Vec<_> = flags.iter().map(|(text, _)| text.as_str()).collect();
                format!("flags {}", flags.join(" "))
            }
            Some(Place::Value(command, flag, part)) => {
                format!("{} --{} '{part}'", command.name, flag.long)
            }
            Some(Place::Argument(command)) => {
                format!("argument {} of {}", line.args.len() + 1, command.name)
            }
        }
    }

    #[test]
    fn the_last_word_stands_where_the_line_says() {
        for (line, place) in [
            ("", "command of 'docker'"),
            ("con", "command of 'docker'"),
            ("container ", "command of 'container'"),
            ("-D -c x --host=y context ", "command of 'context'"),
            ("-c ", "docker --context ''"),
            ("--context=de", "docker --context 'de'"),
            ("-c=de", "docker --context 'de'"),
            ("run ", "argument 1 of run"),
            ("run -it --name x ", "argument 1 of run"),
            ("run busybox -", "argument 2 of run"),
            ("run --rm -- -", "argument 1 of run"),
            ("run -ite ", "run --env ''"),
            ("run -iteA ", "argument 1 of run"),
            ("run --restart=a", "run --restart 'a'"),
            ("rm a -f b", "argument 2 of rm"),
            ("container rm a ", "argument 2 of rm"),
            ("run --re", "flags --read-only --restart"),
            ("run --read-only --re", "flags --restart"),
            ("run -e A --env-", "flags --env-file"),
            ("run -e A --env", "flags --env --env-file"),
            ("context rm -", "flags --force -f"),
            ("context rm -f", "flags -f"),
            ("nope ", "?"),
            ("help ", "?"),
            ("image nope ", "?"),
            ("run --nope ", "?"),
            ("volume ", "?"),
            ("run --nope=", "?"),
        ] {
            assert_eq!(told(line), place, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_has_some_place(
            words in proptest::collection::vec("(run|context|use|-|--)?[-=a-zé]{0,4}", 0..6), last in "[-=a-zé]{0,6}"
        ) {
            let words: Vec<String> = words;
            let _ = read(&words, &last);
        }
    }
}
