//! The calendar: seconds since 1970 as date and time of day in UTC, and back.
//!
//! The proleptic Gregorian calendar without leap seconds, as Linux counts time (`man 7 time`).

use crate::types::Timespec;
use core::fmt;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;
/// Days from the first of March of the year 0 to 1970.
const SHIFT: i64 = 719_468;

/// Months by their English short names.
pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Days of the week by their English short names, beginning with that of the first of January 1970.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A second in UTC. `Display` gives `2026-01-31T23:59:59`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Date {
    /// The year; 0 is the one before 1.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
    /// The hour, 0 to 23.
    pub hour: u32,
    /// The minute, 0 to 59.
    pub minute: u32,
    /// The second, 0 to 59.
    pub second: u32,
}

impl Date {
    /// The date of a number of seconds since 1970.
    pub const fn of(seconds: i64) -> Date {
        let (year, month, day) = date_of(seconds.div_euclid(DAY));
        let rest = seconds.rem_euclid(DAY) as u32;
        Date {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// Seconds since 1970. Days, hours, minutes and seconds that are too many go on into what follows; the year must be
    /// one that 64 bits of seconds reach.
    pub const fn seconds(&self) -> i64 {
        let time = self.hour as i64 * 3600 + self.minute as i64 * 60 + self.second as i64;
        day_of(self.year, self.month as i64, self.day as i64) * DAY + time
    }

    /// The month's English short name.
    pub fn month_name(&self) -> &'static str {
        MONTHS[(self.month as usize + 11) % 12]
    }

    /// The English short name of the day of the week.
    pub fn weekday_name(&self) -> &'static str {
        let day = day_of(self.year, self.month as i64, self.day as i64);
        WEEKDAYS[day.rem_euclid(7) as usize]
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )
    }
}

/// A time as RFC 3339 has it, in UTC, the fraction without zeros at its end (Go's `RFC3339Nano`).
pub fn rfc3339_nano(time: Timespec) -> String {
    let fraction = match time.nsec {
        0 => String::new(),
        nsec => format!(".{nsec:09}").trim_end_matches('0').to_owned(),
    };
    format!("{}{fraction}Z", Date::of(time.sec))
}

/// Year, month and day of a day counted from 1970. Years begin in March here, so that the leap day is a year's last.
const fn date_of(day: i64) -> (i64, u32, u32) {
    let day = day + SHIFT;
    let of_era = day.rem_euclid(ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let year = year + day.div_euclid(ERA) * 400 + (month <= 2) as i64;
    (year, month as u32, of_month as u32)
}

/// The day, counted from 1970, of a date.
const fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - SHIFT
}
