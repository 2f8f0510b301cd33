//! Signals as people write them (moby/sys `signal`).

use crate::error::{ApiError, Result};
use glassdock_abi::types::signal;

/// Reads a number, or a name with or without `SIG`, in any case; `RTMIN+3` and `RTMAX-1` too.
///
/// # Errors
/// 400 `invalid signal: …`.
pub fn parse(text: &str) -> Result<u8> {
    let invalid = || ApiError::invalid(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<u8>() {
        return if (1..=signal::MAX).contains(&number) {
            Ok(number)
        } else {
            Err(invalid())
        };
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |base: u8, sign: i16, offset: &str| {
        let offset: i16 = if offset.is_empty() {
            0
        } else {
            offset.get(1..)?.parse().ok()?
        };
        let number = u8::try_from(i16::from(base) + sign * offset).ok()?;
        (signal::RTMIN..=signal::MAX)
            .contains(&number)
            .then_some(number)
    };
    if let Some(rest) = name.strip_prefix("RTMIN") {
        return Some(rest)
            .filter(|rest| rest.is_empty() || rest.starts_with('+'))
            .and_then(|rest| real_time(signal::RTMIN, 1, rest))
            .ok_or_else(invalid);
    }
    if let Some(rest) = name.strip_prefix("RTMAX") {
        return Some(rest)
            .filter(|rest| rest.is_empty() || rest.starts_with('-'))
            .and_then(|rest| real_time(signal::MAX, -1, rest))
            .ok_or_else(invalid);
    }
    match name {
        "CLD" => Ok(signal::CHLD),
        "POLL" => Ok(signal::IO),
        "IOT" => Ok(signal::ABRT),
        name => signal::from_name(name).ok_or_else(invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read() {
        for (text, number) in [
            ("9", 9),
            ("KILL", 9),
            ("sigterm", 15),
            ("RTMIN", 34),
            ("SIGRTMIN+1", 35),
            ("RTMAX-1", 63),
            ("IOT", 6),
        ] {
            assert_eq!(parse(text).unwrap(), number, "{text}");
        }
        for text in [
            "", "0", "65", "-1", "NOPE", "RTMIN-1", "RTMAX+1", "RTMIN+é", "RTMIN+99",
        ] {
            assert_eq!(
                parse(text).unwrap_err().message,
                format!("invalid signal: {text}")
            );
        }
    }
}
