//! Versions of the API (`api/common.go`, `api/types/versions/compare.go`).

use core::cmp::Ordering;

/// The oldest that is served.
pub const MIN: &str = "1.24";
/// The newest, and what a request without a version gets.
pub const MAX: &str = "1.51";

/// Compares two versions number by number; what is missing or no number counts as zero, as in moby.
pub fn compare(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            return Ordering::Equal;
        }
        match number(a).cmp(&number(b)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
}

fn number(part: Option<&str>) -> i64 {
    part.and_then(|part| part.parse().ok()).unwrap_or(0)
}

/// Whether `version` is older than `other`.
pub fn less_than(version: &str, other: &str) -> bool {
    compare(version, other) == Ordering::Less
}

/// Whether `version` is `other` or newer.
pub fn at_least(version: &str, other: &str) -> bool {
    !less_than(version, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        for (left, right, order) in [
            ("1.24", "1.51", Ordering::Less),
            ("1.9", "1.10", Ordering::Less),
            ("1.51", "1.51", Ordering::Equal),
            ("1", "1.0", Ordering::Equal),
            ("2", "1.51", Ordering::Greater),
            ("1.0.5", "1.0.0", Ordering::Greater),
            ("1.x", "1.0", Ordering::Equal),
        ] {
            assert_eq!(compare(left, right), order, "{left} {right}");
        }
    }
}
