//! Times as Go writes and reads them. The clock itself is [`glassdock_abi::Sys::now`].

pub use glassdock_abi::calendar::rfc3339_nano as rfc3339;

use glassdock_abi::calendar::Date;
use glassdock_abi::types::Timespec;

/// Go's zero time, which the API writes for "never".
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// RFC 3339 in UTC with nine digits of fraction, as `docker logs --timestamps` shows it.
pub fn rfc3339_padded(time: Timespec) -> String {
    format!("{}.{:09}Z", Date::of(time.sec), time.nsec)
}

/// The same for a time that may not have come.
pub fn rfc3339_or_never(time: Option<Timespec>) -> String {
    time.map_or_else(|| NEVER.to_string(), rfc3339)
}

/// Reads RFC 3339, with any offset and up to nine digits of fraction. `None` for Go's zero time and for anything else.
pub fn parse_rfc3339(text: &str) -> Option<Timespec> {
    if text == NEVER || !text.is_ascii() {
        return None;
    }
    let number = |range: core::ops::Range<usize>| -> Option<u32> {
        let digits = text.get(range)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            digits.parse().ok()
        } else {
            None
        }
    };
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !separators
        .iter()
        .all(|(at, expected)| bytes.get(*at) == Some(expected))
    {
        return None;
    }
    let (month, day) = (number(5..7)?, number(8..10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let date = Date {
        year: number(0..4)?.into(),
        month,
        day,
        hour: number(11..13)?,
        minute: number(14..16)?,
        second: number(17..19)?,
    };
    let rest = text.get(19..)?;
    let digits = rest.strip_prefix('.').map_or("", |rest| {
        let end = rest
            .bytes()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        &rest[..end]
    });
    let zone = if rest.starts_with('.') {
        rest.get(1 + digits.len()..)?
    } else {
        rest
    };
    let nsec = format!("{digits:0<9}").get(..9)?.parse().ok()?;
    Some(Timespec {
        sec: date.seconds() - zone_offset(zone)?,
        nsec,
    })
}

/// Seconds east of UTC that `Z`, `+hh:mm` or `-hh:mm` say.
fn zone_offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = zone
        .strip_prefix('+')
        .map(|rest| (1, rest))
        .or_else(|| Some((-1, zone.strip_prefix('-')?)))?;
    let (hours, minutes) = rest.split_once(':')?;
    Some(
        sign * (hours.parse::<u8>().ok().map(i64::from)? * 3600
            + minutes.parse::<u8>().ok().map(i64::from)? * 60),
    )
}

/// Reads `seconds[.nanoseconds]` since 1970, the form in which clients send `since` and `until`; the error is Go's.
pub fn parse_unix(text: &str) -> Result<Timespec, String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let bad = |part: &str| format!("strconv.ParseInt: parsing \"{part}\": invalid syntax");
    let sec = seconds.parse().map_err(|_| bad(seconds))?;
    if fraction.is_empty() {
        return Ok(Timespec { sec, nsec: 0 });
    }
    let digits: String = fraction.chars().take(9).collect();
    let nsec = format!("{digits:0<9}").parse().map_err(|_| bad(fraction))?;
    Ok(Timespec { sec, nsec })
}

/// How long a time is ago, in whole seconds; zero for one to come.
pub fn seconds_since(now: Timespec, then: Timespec) -> u64 {
    now.as_nanos().saturating_sub(then.as_nanos()) / 1_000_000_000
}

/// A duration as people say it (docker/go-units, `HumanDuration`).
pub fn human_duration(seconds: u64) -> String {
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    let days = hours / 24;
    match () {
        () if seconds < 1 => "Less than a second".to_string(),
        () if seconds == 1 => "1 second".to_string(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_string(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_string(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{days} days"),
        () if hours < 24 * 30 * 2 => format!("{} weeks", days / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", days / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (sec, nsec, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1_700_000_000, 120_000_000, "2023-11-14T22:13:20.12Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
            (4_107_542_399, 999_999_999, "2100-02-28T23:59:59.999999999Z"),
        ] {
            let time = Timespec { sec, nsec };
            assert_eq!(rfc3339(time), text);
            assert_eq!(parse_rfc3339(text), Some(time));
        }
        assert_eq!(
            rfc3339_padded(Timespec { sec: 1, nsec: 5 }),
            "1970-01-01T00:00:01.000000005Z"
        );
        assert_eq!(rfc3339_or_never(None), NEVER);
    }

    #[test]
    fn other_offsets_are_read_and_nonsense_is_not() {
        let noon = Some(Timespec {
            sec: 12 * 3600,
            nsec: 500_000_000,
        });
        assert_eq!(parse_rfc3339("1970-01-01T14:30:00.5+02:30"), noon);
        assert_eq!(parse_rfc3339("1970-01-01T07:00:00.5-05:00"), noon);
        for wrong in [
            NEVER,
            "",
            "1970-01-01",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00",
            "é970-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_read_as_dockers() {
        const H: u64 = 3600;
        for (seconds, text) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (H, "About an hour"),
            (47 * H, "47 hours"),
            (48 * H, "2 days"),
            (14 * 24 * H, "2 weeks"),
            (60 * 24 * H, "2 months"),
            (2 * 365 * 24 * H, "2 years"),
        ] {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn client_timestamps_may_have_a_fraction() {
        assert_eq!(
            parse_unix("12.5"),
            Ok(Timespec {
                sec: 12,
                nsec: 500_000_000
            })
        );
        assert_eq!(parse_unix("12"), Ok(Timespec { sec: 12, nsec: 0 }));
        assert_eq!(
            parse_unix("x").unwrap_err(),
            "strconv.ParseInt: parsing \"x\": invalid syntax"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_time_of_four_digit_years_survives(sec in -62_000_000_000i64..250_000_000_000, nsec in 0u32..1_000_000_000) {
            let time = Timespec { sec, nsec };
            proptest::prop_assert_eq!(parse_rfc3339(&rfc3339(time)), Some(time));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = (parse_rfc3339(&text), parse_unix(&text));
        }
    }
}
