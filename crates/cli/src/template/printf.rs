//! `fmt.Sprintf` as far as values of templates go.

use crate::value::Value;

/// Columns that a width may ask for.
const MAX_WIDTH: usize = 10_000;

/// Formats values by a format.
pub fn printf(format: &str, arguments: &[Value]) -> String {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
            verb.flag(flag);
        }
        verb.width = number(&mut chars);
        if chars.next_if_eq(&'.').is_some() {
            verb.precision = Some(number(&mut chars).unwrap_or(0));
        }
        let Some(letter) = chars.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if letter == '%' {
            out.push('%');
            continue;
        }
        match arguments.next() {
            None => out.push_str(&format!("%!{letter}(MISSING)")),
            Some(value) => out.push_str(&verb.write(letter, value)),
        }
    }
    extra(&mut out, arguments);
    out
}

fn extra<'a>(out: &mut String, arguments: impl Iterator<Item = &'a Value>) {
    let rest: Vec<_> = arguments
        .map(|value| format!("{}={}", value.kind(), value.print()))
        .collect();
    if !rest.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", rest.join(", ")));
    }
}

fn number(chars: &mut core::iter::Peekable<core::str::Chars<'_>>) -> Option<usize> {
    let mut value = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        let digit = digit as usize - '0' as usize;
        value = Some((value.unwrap_or(0) * 10 + digit).min(MAX_WIDTH));
    }
    value
}

#[derive(Default)]
struct Verb {
    left: bool,
    plus: bool,
    zero: bool,
    sharp: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

impl Verb {
    fn flag(&mut self, flag: char) {
        match flag {
            '-' => self.left = true,
            '+' => self.plus = true,
            '0' => self.zero = true,
            '#' => self.sharp = true,
            _ => self.space = true,
        }
    }

    fn write(&self, letter: char, value: &Value) -> String {
        let bad = || format!("%!{letter}({}={})", value.kind(), value.print());
        match (letter, value) {
            ('v' | 's', Value::Text(text)) => self.pad(&self.clip(text), false),
            ('v', Value::Int(number)) => self.integer(*number, 10, false),
            ('v', _) => self.pad(&value.print(), false),
            ('s', Value::Int(_) | Value::Bool(_)) => bad(),
            ('s', _) => self.pad(&self.clip(&value.print()), false),
            ('q', Value::Text(text)) => self.pad(&crate::text::quote(text), false),
            ('q', Value::List(items) | Value::AnyList(items)) => {
                let quoted: Vec<_> = items
                    .iter()
                    .map(|item| crate::text::quote(&item.print()))
                    .collect();
                self.pad(&format!("[{}]", quoted.join(" ")), false)
            }
            ('d', Value::Int(number)) => self.integer(*number, 10, false),
            ('x', Value::Int(number)) => self.integer(*number, 16, false),
            ('X', Value::Int(number)) => self.integer(*number, 16, true),
            ('o', Value::Int(number)) => self.integer(*number, 8, false),
            ('b', Value::Int(number)) => self.integer(*number, 2, false),
            ('c', Value::Int(number)) => {
                let c = u32::try_from(*number)
                    .ok()
                    .and_then(char::from_u32)
                    .unwrap_or('\u{fffd}');
                self.pad(&c.to_string(), false)
            }
            ('x', Value::Text(text)) => self.pad(
                &text
                    .bytes()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>(),
                false,
            ),
            ('X', Value::Text(text)) => self.pad(
                &text
                    .bytes()
                    .map(|byte| format!("{byte:02X}"))
                    .collect::<String>(),
                false,
            ),
            ('t', Value::Bool(value)) => self.pad(&value.to_string(), false),
            ('T', _) => self.pad(value.kind(), false),
            _ => bad(),
        }
    }

    fn clip(&self, text: &str) -> String {
        match self.precision {
            Some(limit) => text.chars().take(limit).collect(),
            None => text.to_owned(),
        }
    }

    fn integer(&self, number: i64, radix: u32, upper: bool) -> String {
        let digits = match radix {
            16 if upper => format!("{:X}", number.unsigned_abs()),
            16 => format!("{:x}", number.unsigned_abs()),
            8 => format!("{:o}", number.unsigned_abs()),
            2 => format!("{:b}", number.unsigned_abs()),
            _ => number.unsigned_abs().to_string(),
        };
        let prefix = match radix {
            16 if self.sharp && upper => "0X",
            16 if self.sharp => "0x",
            8 if self.sharp => "0",
            _ => "",
        };
        let sign = match number {
            n if n < 0 => "-",
            _ if self.plus => "+",
            _ if self.space => " ",
            _ => "",
        };
        self.pad(&format!("{sign}{prefix}{digits}"), true)
    }

    fn pad(&self, text: &str, number: bool) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if missing == 0 {
            return text.to_owned();
        }
        match (self.left, self.zero && number) {
            (true, _) => text.to_owned() + &" ".repeat(missing),
            (false, true) => {
                let sign = text.len() - text.trim_start_matches(['-', '+', ' ']).len();
                format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..])
            }
            (false, false) => " ".repeat(missing) + text,
        }
    }
}
