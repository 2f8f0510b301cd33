//! Times as text. The time zone is UTC.

use crate::units::parse_duration;
use glassdock_abi::calendar::Date;

const NANOS: i64 = 1_000_000_000;

/// `2026-01-01T00:00:00Z`.
pub fn rfc3339(seconds: i64) -> String {
    format!("{}Z", Date::of(seconds))
}

/// `2026-01-01T00:00:00.000000000Z`, from nanoseconds since 1970.
pub fn rfc3339_nanos(nanos: i64) -> String {
    let (seconds, fraction) = (nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
    format!("{}.{fraction:09}Z", Date::of(seconds))
}

/// `2026-01-01 00:00:00 +0000 UTC` (`Time.String`).
pub fn go_string(seconds: i64) -> String {
    let date = Date::of(seconds).to_string();
    format!("{} +0000 UTC", date.replace('T', " "))
}

/// `Mon Jan  2 15:04:05 2006` (`time.ANSIC`).
pub fn ansic(seconds: i64) -> String {
    let date = Date::of(seconds);
    format!(
        "{} {} {:>2} {:02}:{:02}:{:02} {}",
        date.weekday_name(),
        date.month_name(),
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.year
    )
}

/// Reads RFC 3339, with or without nanoseconds, or a shorter form of it (`2006-01-02`, `2006-01-02T15:04`):
/// nanoseconds since 1970.
pub fn parse(text: &str) -> Option<i64> {
    let (date, clock) = match text.split_once('T') {
        Some((date, clock)) => (date, clock),
        None => match text.len() > 10 {
            true => text.split_at_checked(10)?,
            false => (text, ""),
        },
    };
    let mut parts = date.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let mut number = || parts.next()?.parse::<u32>().ok();
    let (month, day) = (number()?, number()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || date.len() != 10 {
        return None;
    }
    let (clock, offset) = zone(clock)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock
        .split(':')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().unwrap_or(Some(0));
    let (hour, minute, second) = (next()?, next()?, next()?);
    if parts.next().is_some()
        || !(0..24).contains(&hour)
        || !(0..60).contains(&minute)
        || !(0..61).contains(&second)
    {
        return None;
    }
    let date = Date {
        year,
        month,
        day,
        hour,
        minute,
        second,
    };
    (date.seconds() - offset)
        .checked_mul(NANOS)?
        .checked_add(fraction_nanos(fraction)?)
}

fn zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else {
        return Some((clock, 0));
    };
    let (clock, zone) = clock.split_at(at);
    let (hours, minutes) = zone[1..].split_once(':')?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    // Go's limits of a zone.
    if hours > 24 || minutes > 60 {
        return None;
    }
    let offset = i64::from(hours) * 3600 + i64::from(minutes) * 60;
    Some((
        clock,
        if zone.starts_with('-') {
            -offset
        } else {
            offset
        },
    ))
}

fn fraction_nanos(digits: &str) -> Option<i64> {
    if digits.is_empty() {
        return Some(0);
    }
    let digits = digits.get(..digits.len().min(9))?;
    let value: i64 = digits.parse().ok()?;
    Some(value * 10i64.pow(9 - digits.len() as u32))
}

/// What `--since` and `--until` send (`timetypes.GetTimestamp`): seconds and nanoseconds of a date, whole seconds of a
/// duration before now. What has a `-` and is no time goes as it is, for the engine to refuse.
///
/// # Errors
/// For what is neither, in the real command's words.
pub fn timestamp(text: &str, now_nanos: i64) -> Result<String, String> {
    let written =
        |nanos: i64| format!("{}.{:09}", nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
    // Go's time reaches further than 64 bits of nanoseconds.
    let before = |ago: i64| (i128::from(now_nanos) - i128::from(ago)).div_euclid(NANOS.into());
    Ok(match (parse_duration(text), parse(text)) {
        (Ok(ago), _) if text != "0" => before(ago).to_string(),
        (_, Some(at)) => written(at),
        _ if text.is_empty() || text.contains('-') || is_unix_time(text) => text.to_owned(),
        _ => {
            return Err(format!(
                "failed to parse value as time or duration: {}",
                crate::text::quote(text)
            ));
        }
    })
}

/// Seconds, perhaps with a fraction (`parseTimestamp`).
fn is_unix_time(text: &str) -> bool {
    let number = |text: &str| text.parse::<i64>().is_ok();
    match text.split_once('.') {
        Some((seconds, fraction)) => number(seconds) && number(fraction),
        None => number(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_go_s_forms() {
        let seconds = 1_795_493_833;
        assert_eq!(rfc3339(seconds), "2026-11-24T04:17:13Z");
        assert_eq!(
            rfc3339_nanos(seconds * NANOS + 5),
            "2026-11-24T04:17:13.000000005Z"
        );
        assert_eq!(go_string(seconds), "2026-11-24 04:17:13 +0000 UTC");
        assert_eq!(ansic(1_748_606_834), "Fri May 30 12:07:14 2025");
        assert_eq!(ansic(1_767_225_600), "Thu Jan  1 00:00:00 2026");
    }

    #[test]
    fn times_are_read_with_and_without_their_end() {
        for (text, want) in [
            ("2026-11-24T04:17:13Z", Some(1_795_493_833 * NANOS)),
            (
                "2026-11-24T04:17:13.5Z",
                Some(1_795_493_833 * NANOS + 500_000_000),
            ),
            ("2026-11-24T05:17:13+01:00", Some(1_795_493_833 * NANOS)),
            ("2026-11-24T04:17", Some(1_795_493_820 * NANOS)),
            ("2026-11-24", Some(1_795_478_400 * NANOS)),
            ("0001-01-01T00:00:00Z", None),
            ("hello", None),
            ("2026-13-01", None),
            (
                "2026-11-24T04:17:13-24:00",
                Some((1_795_493_833 + 86_400) * NANOS),
            ),
            ("2026-01-01T00:00:00+25:00", None),
            ("2026-01-01T00:00:00+999999999999999999:00", None),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn a_timestamp_is_sent_as_seconds_and_nanoseconds() {
        for (text, want) in [
            ("10m", "400"),
            ("-2562047h", "9223370200"),
            ("1970-01-01T00:00:07.25Z", "7.250000000"),
            ("1234567890", "1234567890"),
            ("0", "0"),
        ] {
            assert_eq!(timestamp(text, 1000 * NANOS).as_deref(), Ok(want));
        }
        for text in ["1.5", "+5", "1.+5", "1.1234567890"] {
            assert_eq!(timestamp(text, 0).as_deref(), Ok(text));
        }
        for text in [
            "foo",
            "12a",
            "1.x",
            "5.",
            ".5",
            "1.2.3",
            " 5",
            "10:00",
            "123456789012345678901",
        ] {
            let why = format!("failed to parse value as time or duration: {text:?}");
            assert_eq!(timestamp(text, 0), Err(why));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_time_or_not(text in ".*") {
            let _ = parse(&text);
            let _ = timestamp(&text, 0);
        }

        #[test]
        fn what_is_written_is_read_back(seconds in -1_000_000_000i64..9_000_000_000) {
            proptest::prop_assert_eq!(parse(&rfc3339(seconds)), Some(seconds * NANOS));
        }
    }
}
