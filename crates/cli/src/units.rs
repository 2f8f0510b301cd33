//! Sizes and durations in words and numbers (`github.com/docker/go-units`).

/// A size with decimal units and four digits (`units.HumanSize`).
pub fn human_size(bytes: u64) -> String {
    size(
        bytes as f64,
        1000.0,
        4,
        &["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"],
    )
}

/// A size with decimal units and three digits (`units.HumanSizeWithPrecision(…, 3)`).
pub fn human_size_3(bytes: i64) -> String {
    size(
        bytes as f64,
        1000.0,
        3,
        &["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"],
    )
}

/// A size with binary units (`units.BytesSize`).
pub fn bytes_size(bytes: u64) -> String {
    size(
        bytes as f64,
        1024.0,
        4,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"],
    )
}

fn size(mut size: f64, base: f64, digits: usize, units: &[&str]) -> String {
    let mut unit = 0;
    while size >= base && unit < units.len() - 1 {
        size /= base;
        unit += 1;
    }
    significant(size, digits) + units[unit]
}

/// Go's `%.Ng`: so many significant digits, no trailing zeros, an exponent where it is too large.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// A duration in words, from nanoseconds (`units.HumanDuration`).
pub fn human_duration(nanos: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let seconds = nanos / SECOND;
    let minutes = seconds / 60;
    // Hours are rounded to the nearest.
    let hours = (nanos / SECOND + 1800) / 3600;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

/// Reads a size with binary units, such as `512m` (`units.RAMInBytes`).
pub fn ram_in_bytes(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let number_end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let factor = match unit.as_str() {
        "" | "b" => 1u64,
        "k" | "kb" | "ki" | "kib" => 1 << 10,
        "m" | "mb" | "mi" | "mib" => 1 << 20,
        "g" | "gb" | "gi" | "gib" => 1 << 30,
        "t" | "tb" | "ti" | "tib" => 1 << 40,
        "p" | "pb" | "pi" | "pib" => 1 << 50,
        _ if unit
            .chars()
            .next()
            .is_some_and(|c| !c.is_ascii_alphabetic()) =>
        {
            return Err(invalid());
        }
        _ => return Err(format!("invalid suffix: '{unit}'")),
    };
    Ok((number * factor as f64) as i64)
}

/// Reads a duration such as `1m30s` in nanoseconds (`time.ParseDuration`).
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", crate::text::quote(text));
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        total += number
            * match unit {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                "" => {
                    return Err(format!(
                        "time: missing unit in duration {}",
                        crate::text::quote(text)
                    ));
                }
                unit => {
                    let (unit, text) = (crate::text::quote(unit), crate::text::quote(text));
                    return Err(format!("time: unknown unit {unit} in duration {text}"));
                }
            };
        rest = tail;
    }
    match total < i64::MAX as f64 {
        true => Ok(sign * total as i64),
        false => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_go_units_does() {
        for (bytes, four, three) in [
            (0, "0B", "0B"),
            (999, "999B", "999B"),
            (1000, "1kB", "1kB"),
            (1_982_256, "1.982MB", "1.98MB"),
            (4_260_000, "4.26MB", "4.26MB"),
            (999_999, "1000kB", "1e+03kB"),
            (123_456_789_012, "123.5GB", "123GB"),
        ] {
            assert_eq!(
                (
                    human_size(bytes).as_str(),
                    human_size_3(bytes as i64).as_str()
                ),
                (four, three)
            );
        }
        assert_eq!(bytes_size(8_371_728_384), "7.797GiB");
    }

    #[test]
    fn durations_are_written_as_go_units_does() {
        const SECOND: i64 = 1_000_000_000;
        for (seconds, words) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (5399, "About an hour"),
            (5400, "2 hours"),
            (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"),
            (13 * 86400, "13 days"),
            (14 * 86400, "2 weeks"),
            (59 * 86400, "8 weeks"),
            (60 * 86400, "2 months"),
            (729 * 86400, "24 months"),
            (730 * 86400, "2 years"),
        ] {
            assert_eq!(human_duration(seconds * SECOND), words, "{seconds}");
        }
    }

    #[test]
    fn sizes_and_durations_are_read() {
        for (text, want) in [
            ("512m", Ok(536_870_912)),
            ("1.5GiB", Ok(1_610_612_736)),
            ("64", Ok(64)),
            ("10 kb", Ok(10_240)),
            ("x", Err("invalid size: 'x'".to_owned())),
            ("", Err("invalid size: ''".to_owned())),
        ] {
            assert_eq!(ram_in_bytes(text), want, "{text}");
        }
        for (text, want) in [
            ("1m30s", Ok(90_000_000_000)),
            ("-1.5h", Ok(-5_400_000_000_000)),
            ("0", Ok(0)),
            ("5", Err("time: missing unit in duration \"5\"".to_owned())),
            (
                "5x",
                Err("time: unknown unit \"x\" in duration \"5x\"".to_owned()),
            ),
            ("", Err("time: invalid duration \"\"".to_owned())),
        ] {
            assert_eq!(parse_duration(text), want, "{text}");
        }
    }
}
