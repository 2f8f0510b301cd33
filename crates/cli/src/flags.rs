//! Flags as data, and how the real command reads them (`github.com/spf13/pflag`).

use crate::text::quote;
use crate::units;
use std::collections::BTreeMap;

/// What a flag takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Nothing, or `=true`, `=false`.
    Bool,
    /// A text.
    Text,
    /// A number of that many bits.
    Int(u32),
    /// A number without sign of that many bits.
    Uint(u32),
    /// A duration such as `1m30s`.
    Duration,
    /// May be given again; each is checked and perhaps changed.
    List(Check),
    /// Another type of the real command, by the name that help shows.
    Other(&'static str, Check),
    /// A list whose items are separated by commas, or given again.
    Slice,
}

/// Checks a value, and gives the form that is kept.
pub type Check = fn(&str) -> Result<String, String>;

/// A check that takes everything.
pub fn any(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

/// A flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// The name after `--`.
    pub long: &'static str,
    /// The letter after `-`.
    pub short: Option<char>,
    /// What it takes.
    pub kind: Kind,
    /// Its value when it is not given.
    pub default: &'static str,
    /// What help says.
    pub help: &'static str,
    /// Help does not show it.
    pub hidden: bool,
    /// The name of the flag that it is another name of.
    pub alias_of: Option<&'static str>,
    /// What to use instead.
    pub deprecated: Option<&'static str>,
}

impl Flag {
    /// A flag that is on or off.
    pub const fn bool(long: &'static str, help: &'static str) -> Flag {
        Flag::new(long, Kind::Bool, help)
    }
    /// A flag with a text.
    pub const fn text(long: &'static str, help: &'static str) -> Flag {
        Flag::new(long, Kind::Text, help)
    }
    /// A flag with a number.
    pub const fn int(long: &'static str, help: &'static str) -> Flag {
        Flag::new(long, Kind::Int(64), help)
    }
    /// A flag that may be given again.
    pub const fn list(long: &'static str, help: &'static str) -> Flag {
        Flag::new(long, Kind::List(any), help)
    }
    /// Any flag.
    pub const fn new(long: &'static str, kind: Kind, help: &'static str) -> Flag {
        Flag {
            long,
            short: None,
            kind,
            default: "",
            help,
            hidden: false,
            alias_of: None,
            deprecated: None,
        }
    }
    /// With a letter.
    pub const fn short(mut self, short: char) -> Flag {
        self.short = Some(short);
        self
    }
    /// With a default.
    pub const fn default(mut self, default: &'static str) -> Flag {
        self.default = default;
        self
    }
    /// Not shown.
    pub const fn hidden(mut self) -> Flag {
        self.hidden = true;
        self
    }
    /// Another name of a flag; not shown.
    pub const fn alias(mut self, of: &'static str) -> Flag {
        self.alias_of = Some(of);
        self.hidden = true;
        self
    }
    /// Still read, with a warning that says what to use instead.
    pub const fn deprecated(mut self, instead: &'static str) -> Flag {
        self.deprecated = Some(instead);
        self.hidden = true;
        self
    }
    /// With a check of each value.
    pub const fn checked(mut self, check: Check) -> Flag {
        self.kind = Kind::List(check);
        self
    }

    /// How errors name it.
    fn shown(&self) -> String {
        match self.short {
            Some(short) => format!("-{short}, --{}", self.long),
            None => format!("--{}", self.long),
        }
    }

    /// The type that help shows.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Bool => "",
            Kind::Text => "string",
            Kind::Int(_) => "int",
            Kind::Uint(16) => "uint16",
            Kind::Uint(_) => "uint",
            Kind::Duration => "duration",
            Kind::List(_) => "list",
            Kind::Slice => "strings",
            Kind::Other(name, _) => name,
        }
    }

    fn check(&self, value: &str) -> Result<Vec<String>, String> {
        let one = |checked: Result<String, String>| checked.map(|value| vec![value]);
        match self.kind {
            Kind::Bool => one(parse_bool(value)),
            Kind::Text => one(Ok(value.to_owned())),
            Kind::Int(bits) => one(parse_int(value, bits)),
            Kind::Uint(bits) => one(parse_uint(value, bits)),
            Kind::Duration => one(units::parse_duration(value).map(|nanos| nanos.to_string())),
            Kind::List(check) | Kind::Other(_, check) => one(check(value)),
            Kind::Slice => Ok(value.split(',').map(str::to_owned).collect()),
        }
    }
}

/// A switch's value as `true` or `false` (`strconv.ParseBool`).
pub fn parse_bool(value: &str) -> Result<String, String> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok("true".into()),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok("false".into()),
        _ => Err(format!(
            "strconv.ParseBool: parsing {}: invalid syntax",
            quote(value)
        )),
    }
}

fn parse_int(value: &str, bits: u32) -> Result<String, String> {
    let fail = |why: &str| Err(format!("strconv.ParseInt: parsing {}: {why}", quote(value)));
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return fail("invalid syntax");
    }
    let limit = 1i128 << (bits - 1);
    match value.parse::<i128>() {
        Ok(number) if (-limit..limit).contains(&number) => Ok(number.to_string()),
        _ => fail("value out of range"),
    }
}

fn parse_uint(value: &str, bits: u32) -> Result<String, String> {
    let fail = |why: &str| {
        Err(format!(
            "strconv.ParseUint: parsing {}: {why}",
            quote(value)
        ))
    };
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return fail("invalid syntax");
    }
    match value.parse::<u128>() {
        Ok(number) if number < 1u128 << bits => Ok(number.to_string()),
        _ => fail("value out of range"),
    }
}

/// Flags that were given, and what is left.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    flags: Vec<Flag>,
    values: BTreeMap<&'static str, Vec<String>>,
    /// The arguments that are no flags.
    pub args: Vec<String>,
    /// `--help` was given.
    pub help: bool,
    /// Sentences about outdated flags, for standard error.
    pub warnings: Vec<String>,
}

impl Parsed {
    /// Whether a flag was given.
    pub fn changed(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
    /// Whether a flag is on.
    pub fn bool(&self, name: &str) -> bool {
        self.text(name) == "true"
    }
    /// A flag's value, or its default.
    pub fn text(&self, name: &str) -> &str {
        let given = self
            .values
            .get(name)
            .and_then(|values| values.last())
            .map(String::as_str);
        given.unwrap_or_else(|| {
            self.flags
                .iter()
                .find(|flag| flag.long == name)
                .map_or("", |flag| flag.default)
        })
    }
    /// A flag's number, or its default; zero without one.
    pub fn int(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or(0)
    }
    /// All values of a flag.
    pub fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Reads arguments. Flags may stand among other arguments where `interspersed`; else the first other argument ends
/// them. Errors are pflag's words.
pub fn parse(flags: &[Flag], args: &[String], interspersed: bool) -> Result<Parsed, String> {
    let mut parsed = Parsed {
        flags: flags.to_vec(),
        ..Parsed::default()
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if !arg.starts_with('-') || arg == "-" {
            parsed.args.push(arg.clone());
            if !interspersed {
                parsed.args.extend(rest.cloned());
                break;
            }
        } else if arg == "--" {
            parsed.args.extend(rest.cloned());
            break;
        } else if let Some(long) = arg.strip_prefix("--") {
            parse_long(&mut parsed, long, arg, &mut rest)?;
        } else {
            parse_short(&mut parsed, arg, &mut rest)?;
        }
    }
    Ok(parsed)
}

fn parse_long<'a>(
    parsed: &mut Parsed,
    long: &str,
    arg: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<(), String> {
    if long.starts_with(['-', '=']) {
        return Err(format!("bad flag syntax: {arg}"));
    }
    let (name, given) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (long, None),
    };
    let Some(flag) = parsed.flags.iter().copied().find(|flag| flag.long == name) else {
        if name == "help" {
            parsed.help = given.as_deref().is_none_or(|value| value == "true");
            return Ok(());
        }
        return Err(format!("unknown flag: --{name}"));
    };
    let value = match (given, flag.kind) {
        (Some(value), _) => value,
        (None, Kind::Bool) => "true".to_owned(),
        (None, _) => rest
            .next()
            .cloned()
            .ok_or_else(|| format!("flag needs an argument: --{name}"))?,
    };
    set(parsed, flag, &value)
}

fn parse_short<'a>(
    parsed: &mut Parsed,
    arg: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<(), String> {
    let mut letters = &arg[1..];
    while let Some(letter) = letters.chars().next() {
        let tail = &letters[letter.len_utf8()..];
        let Some(flag) = parsed
            .flags
            .iter()
            .copied()
            .find(|flag| flag.short == Some(letter))
        else {
            if letter == 'h' {
                parsed
                    .warnings
                    .push("Flag shorthand -h has been deprecated, use --help".to_owned());
                parsed.help = true;
                letters = tail;
                continue;
            }
            return Err(format!("unknown shorthand flag: '{letter}' in -{letters}"));
        };
        if let Some(value) = tail.strip_prefix('=').filter(|_| tail.len() > 1) {
            return set(parsed, flag, value);
        }
        if let Kind::Bool = flag.kind {
            set(parsed, flag, "true")?;
            letters = tail;
            continue;
        }
        if !tail.is_empty() {
            return set(parsed, flag, tail);
        }
        let needs = || format!("flag needs an argument: '{letter}' in -{letters}");
        let value = rest.next().cloned().ok_or_else(needs)?;
        return set(parsed, flag, &value);
    }
    Ok(())
}

fn set(parsed: &mut Parsed, flag: Flag, value: &str) -> Result<(), String> {
    let checked = flag.check(value);
    let invalid = |why: String| {
        format!(
            "invalid argument {} for {} flag: {why}",
            quote(value),
            quote(&flag.shown())
        )
    };
    let name = flag.alias_of.unwrap_or(flag.long);
    if let Some(instead) = flag.deprecated {
        parsed.warnings.push(format!(
            "Flag --{} has been deprecated, {instead}",
            flag.long
        ));
    }
    parsed
        .values
        .entry(name)
        .or_default()
        .extend(checked.map_err(invalid)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: [Flag; 7] = [
        Flag::bool("detach", "").short('d'),
        Flag::bool("interactive", "").short('i'),
        Flag::bool("tty", "").short('t'),
        Flag::bool("rm", ""),
        Flag::list("env", "").short('e'),
        Flag::int("last", "").short('n').default("-1"),
        Flag::list("network", ""),
    ];

    fn read(args: &[&str], interspersed: bool) -> Result<Parsed, String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        parse(&FLAGS, &args, interspersed)
    }

    #[test]
    fn letters_may_be_joined_and_values_may_be_attached() {
        let parsed = read(
            &[
                "-itd",
                "-eA=1",
                "-e",
                "B",
                "--env=C",
                "--rm=false",
                "-n=5",
                "image",
                "-x",
            ],
            false,
        )
        .unwrap();
        assert!(
            parsed.bool("interactive")
                && parsed.bool("tty")
                && parsed.bool("detach")
                && !parsed.bool("rm")
        );
        assert!(parsed.changed("rm") && !parsed.changed("network"));
        assert_eq!(parsed.list("env"), ["A=1", "B", "C"]);
        assert_eq!(
            (parsed.int("last"), parsed.args),
            (5, vec!["image".to_owned(), "-x".to_owned()])
        );
    }

    #[test]
    fn flags_stand_among_arguments_or_end_at_the_first() {
        assert_eq!(
            read(&["a", "-d", "b", "--", "-i"], true).unwrap().args,
            ["a", "b", "-i"]
        );
        assert_eq!(
            read(&["a", "-d", "b"], false).unwrap().args,
            ["a", "-d", "b"]
        );
        assert_eq!(read(&["-", "-d"], true).unwrap().args, ["-"]);
        assert_eq!(read(&[], true).unwrap().int("last"), -1);
    }

    #[test]
    fn errors_are_pflag_s() {
        for (args, error) in [
            (&["--foo"][..], "unknown flag: --foo"),
            (&["-itz"], "unknown shorthand flag: 'z' in -z"),
            (&["-zit"], "unknown shorthand flag: 'z' in -zit"),
            (&["--env"], "flag needs an argument: --env"),
            (&["-ie"], "flag needs an argument: 'e' in -e"),
            (&["--=x"], "bad flag syntax: --=x"),
            (
                &["--rm=maybe"],
                "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (
                &["-n", "x"],
                "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
        ] {
            assert_eq!(read(args, true).unwrap_err(), error);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_arguments_are_read_or_refused(args in proptest::collection::vec("[-=a-z]{0,6}", 0..8), interspersed: bool) {
            let args: Vec<String> = args;
            let _ = parse(&FLAGS, &args, interspersed);
        }
    }
}
