//! How values of groups' files are written and shown.

use glassdock_abi::{Errno, Result};

/// Bytes in a page.
const PAGE: u64 = glassdock_cpu::PAGE_SIZE;
/// Most pages that a limit counts (`PAGE_COUNTER_MAX`): more is none.
const PAGES_MAX: u64 = i64::MAX as u64 / PAGE;

/// Digits by their base, as `_parse_integer` reads them: `0x`, `0` or neither. What follows is given back.
fn digits(text: &str) -> (u64, &str, bool) {
    let (base, rest) = match text.as_bytes() {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &text[2..]),
        [b'0', digit, ..] if digit.is_ascii_digit() => (8, text),
        _ => (10, text),
    };
    let end = rest
        .find(|letter: char| !letter.is_digit(base))
        .unwrap_or(rest.len());
    let (mut value, mut over) = (0u64, false);
    for digit in rest[..end].chars().filter_map(|it| it.to_digit(base)) {
        let next = value
            .checked_mul(base.into())
            .and_then(|value| value.checked_add(digit.into()));
        over |= next.is_none();
        value = value.wrapping_mul(base.into()).wrapping_add(digit.into());
    }
    (value, &rest[end..], over)
}

/// A whole number without sign (`kstrtoull`): `EINVAL` for none, `ERANGE` for too great a one.
pub(super) fn unsigned(text: &str) -> Result<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (value, rest, over) = digits(text);
    match () {
        () if text.is_empty() || !rest.is_empty() => Err(Errno::EINVAL),
        () if over => Err(Errno::ERANGE),
        () => Ok(value),
    }
}

/// A whole number (`kstrtoll`).
pub(super) fn signed(text: &str) -> Result<i64> {
    match text.strip_prefix('-') {
        Some(text) => {
            let value = i64::try_from(unsigned(text)?).map_err(|_| Errno::ERANGE)?;
            Ok(-value)
        }
        None => i64::try_from(unsigned(text)?).map_err(|_| Errno::ERANGE),
    }
}

/// A number of bytes with a unit, as whole pages (`page_counter_memparse`); `None` is `max`. As there, no number is 0, and
/// one that is too great loses its upper bits.
pub(super) fn pages(text: &str) -> Result<Option<u64>> {
    if text == "max" {
        return Ok(None);
    }
    let (value, rest, _) = digits(text);
    let unit = match rest {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        "p" | "P" => 50,
        "e" | "E" => 60,
        _ => return Err(Errno::EINVAL),
    };
    let pages = (value << unit) / PAGE;
    Ok((pages < PAGES_MAX).then_some(pages))
}

/// A limit in pages, shown in bytes.
pub(super) fn shown_pages(limit: Option<u64>) -> String {
    shown(limit.map(|pages| pages * PAGE))
}

/// A limit.
pub(super) fn shown(limit: Option<u64>) -> String {
    match limit {
        Some(limit) => format!("{limit}\n"),
        None => "max\n".to_owned(),
    }
}

/// `0` or `1`; `EINVAL` for what is no number, `other` for another one.
pub(super) fn switch(text: &str, other: Errno) -> Result<bool> {
    match signed(text)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(other),
    }
}

/// A list of numbers and ranges below `end` (`bitmap_parselist`), none or all of the one number that there can be.
/// `ERANGE` for a number from `bits` on, `EINVAL` for one from 1 on.
pub(super) fn list(text: &str, bits: u64) -> Result<bool> {
    let mut any = false;
    let parts = text.split([',', ' ', '\n', '\t']);
    for part in parts.filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.parse::<u64>().map_err(|_| Errno::EINVAL);
        let (first, last) = (number(first)?, number(last)?);
        match () {
            () if first > last => return Err(Errno::EINVAL),
            () if last >= bits => return Err(Errno::ERANGE),
            () if last > 0 => return Err(Errno::EINVAL),
            () => any = true,
        }
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_kernel_reads_them() {
        let table = [
            ("7", Ok(7)),
            ("+7", Ok(7)),
            ("0x10", Ok(16)),
            ("010", Ok(8)),
            ("0", Ok(0)),
            ("", Err(Errno::EINVAL)),
            ("-1", Err(Errno::EINVAL)),
            ("5x", Err(Errno::EINVAL)),
            ("0x", Err(Errno::EINVAL)),
            ("99999999999999999999", Err(Errno::ERANGE)),
        ];
        for (text, value) in table {
            assert_eq!(unsigned(text), value, "{text}");
        }
        assert_eq!(signed("-20"), Ok(-20));
        assert_eq!(signed("--2"), Err(Errno::EINVAL));
    }

    #[test]
    fn memory_is_counted_in_whole_pages() {
        let table = [
            ("5000", Ok(Some(1))),
            ("1m", Ok(Some(256))),
            ("2G", Ok(Some(1 << 19))),
            ("max", Ok(None)),
            ("0", Ok(Some(0))),
            ("", Ok(Some(0))),
            ("8E", Ok(None)),
            (
                "99999999999999999999",
                Ok(Some(7_766_279_631_452_237_824 / 4096)),
            ),
            ("-1", Err(Errno::EINVAL)),
            ("1x", Err(Errno::EINVAL)),
            ("1kk", Err(Errno::EINVAL)),
        ];
        for (text, value) in table {
            assert_eq!(pages(text), value, "{text}");
        }
    }

    #[test]
    fn a_list_names_the_only_processor_or_none() {
        let table = [
            ("", Ok(false)),
            ("0", Ok(true)),
            ("0-0,0", Ok(true)),
            ("1", Err(Errno::ERANGE)),
            ("0-3", Err(Errno::ERANGE)),
            ("3-0", Err(Errno::EINVAL)),
            ("x", Err(Errno::EINVAL)),
        ];
        for (text, value) in table {
            assert_eq!(list(text, 1), value, "{text}");
        }
        assert_eq!(list("1", 1024), Err(Errno::EINVAL));
    }
}
