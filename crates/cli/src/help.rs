//! Help, laid out as the real command's.

use crate::commands::{Action, Command};
use crate::flags::{Flag, Kind};

/// Columns of a terminal whose width is not known.
pub const DEFAULT_WIDTH: usize = 80;

/// The usage line of a command that is reached by `path`.
pub fn usage_line(command: &Command, path: &str) -> String {
    match command.usage {
        "" => path.to_owned(),
        usage => format!("{path} {usage}"),
    }
}

/// The help of a command.
pub fn help(command: &Command, path: &str, width: usize) -> String {
    let visible = |child: &&&Command| child.action != Action::Unsupported;
    let children: Vec<_> = command.children.iter().filter(visible).copied().collect();
    let mut text = match children.is_empty() {
        true => format!("Usage:  {}\n", usage_line(command, path)),
        false if command.flags.is_empty() => format!("Usage:  {path} COMMAND\n"),
        false => format!("Usage:  {path} [OPTIONS] COMMAND\n"),
    };
    text += &format!("\n{}\n", command.short);
    let names = names(command, path);
    if names.len() > 1 {
        text += &format!("\nAliases:\n  {}\n", names.join(", "));
    }
    let flags = flag_lines(&command.all_flags(), width);
    let root = !path.contains(' ');
    if !flags.is_empty() && !root {
        text += &format!("\nOptions:\n{flags}");
    }
    let mut common: Vec<_> = children
        .iter()
        .filter(|child| child.common.is_some() && root)
        .collect();
    common.sort_by_key(|child| child.common);
    text += &list("Common Commands:", common.into_iter());
    let group = |child: &&&Command| child.action == Action::Group;
    text += &list("Management Commands:", children.iter().filter(group));
    let plain =
        |child: &&&Command| child.action != Action::Group && !(root && child.common.is_some());
    text += &list("Commands:", children.iter().filter(plain));
    if !flags.is_empty() && root {
        text += &format!("\nGlobal Options:\n{flags}");
    }
    if !children.is_empty() {
        text += &format!("\nRun '{path} COMMAND --help' for more information on a command.\n");
    }
    text
}

/// All ways to write a command.
fn names(command: &Command, path: &str) -> Vec<String> {
    let words: Vec<_> = path.split(' ').collect();
    let Some((_, parents)) = words.split_last() else {
        return Vec::new();
    };
    let parent = parents.join(" ");
    let mut names = Vec::new();
    let groups: [&str; 3] = ["container", "image", "system"];
    for group in groups {
        let Some(group) = crate::commands::DOCKER.child(group) else {
            continue;
        };
        let same = |child: &&&Command| child.action == command.action;
        if command.action != Action::Group
            && let Some(child) = group.children.iter().find(same)
        {
            names.push(format!("docker {} {}", group.name, child.name));
            names.extend(
                child
                    .aliases
                    .iter()
                    .map(|alias| format!("docker {} {alias}", group.name)),
            );
        }
    }
    let same = |child: &&&Command| child.action == command.action;
    if command.action != Action::Group
        && let Some(child) = crate::commands::DOCKER.children.iter().find(same)
    {
        names.push(format!("docker {}", child.name));
    }
    if names.is_empty() {
        names.push(path.to_owned());
        names.extend(
            command
                .aliases
                .iter()
                .map(|alias| format!("{parent} {alias}")),
        );
    }
    names.dedup();
    names
}

fn list<'a>(title: &str, commands: impl Iterator<Item = &'a &'static Command>) -> String {
    const PADDING: usize = 11;
    let mut commands: Vec<_> = commands.collect();
    if title != "Common Commands:" {
        commands.sort_by_key(|command| command.name);
    }
    if commands.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for command in commands {
        text += &format!("  {:PADDING$} {}\n", command.name, command.short);
    }
    text
}

/// The lines about flags (`FlagUsagesWrapped`).
fn flag_lines(flags: &[Flag], width: usize) -> String {
    let mut flags: Vec<_> = flags.iter().filter(|flag| !flag.hidden).collect();
    flags.sort_by_key(|flag| flag.long);
    let heads: Vec<_> = flags.iter().map(|flag| head(flag)).collect();
    let longest = heads.iter().map(String::len).max().unwrap_or(0);
    let indent = longest + 3;
    let mut text = String::new();
    for (flag, head) in flags.iter().zip(&heads) {
        let help = flag.help.to_owned() + &shown_default(flag);
        text += head;
        text += &" ".repeat(indent - head.len());
        text += &wrap(&help, indent, width.saturating_sub(1));
        text.push('\n');
    }
    text
}

fn head(flag: &Flag) -> String {
    let short = flag
        .short
        .map_or("      ".to_owned(), |short| format!("  -{short}, "));
    let kind = flag.type_name();
    let space = if kind.is_empty() { "" } else { " " };
    format!("{short}--{}{space}{kind}", flag.long)
}

fn shown_default(flag: &Flag) -> String {
    match (flag.kind, flag.default) {
        (_, "" | "0") | (Kind::Bool, "false") => String::new(),
        (Kind::Text, default) => format!(" (default {})", crate::text::quote(default)),
        (_, default) => format!(" (default {default})"),
    }
}

/// Breaks text into lines that fit, further ones indented (pflag's `wrap`).
fn wrap(text: &str, indent: usize, width: usize) -> String {
    const SLOP: usize = 5;
    const NARROW: usize = 24;
    let room = width.saturating_sub(indent);
    if room < NARROW {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    let mut first = true;
    while !rest.is_empty() {
        if !first {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
        }
        first = false;
        if rest.len() <= room {
            out.push_str(rest);
            break;
        }
        let limit = room - SLOP;
        let head = rest.get(..limit).unwrap_or(rest);
        match head.rfind(' ') {
            Some(at) if at > 0 => {
                out.push_str(&rest[..at]);
                rest = &rest[at + 1..];
            }
            _ => {
                out.push_str(rest);
                break;
            }
        }
    }
    out
}
