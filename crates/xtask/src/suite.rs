//! What a suite of tests found: counts taken from the output of the programs that ran it.

use std::iter::Sum;
use std::ops::Add;

/// Tests that passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
}

impl Counts {
    /// One check with this outcome.
    pub fn one(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
        }
    }

    /// The counts in a program's output. A program that failed without a failed test
    /// (it did not compile, it crashed), or that ran nothing, counts as one failure.
    ///
    /// nextest's summary counts everything: before it, the output of each failed test is shown,
    /// which has a summary of its own.
    pub fn of_output(program_succeeded: bool, output: &str) -> Self {
        let output = plain(output);
        let summary = output.lines().rev().find_map(of_nextest);
        let counts = summary.unwrap_or_else(|| output.lines().filter_map(of_line).sum());
        let silent = counts == Self::default();
        match (program_succeeded, counts.failed) {
            (true, _) if !silent => counts,
            (false, 1..) => counts,
            _ => counts + Self::one(false),
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// The output without colours.
fn plain(output: &str) -> String {
    let mut text = String::with_capacity(output.len());
    let mut chars = output.chars();
    while let Some(char) = chars.next() {
        if char != '\u{1b}' {
            text.push(char);
            continue;
        }
        // `ESC [ … letter`
        for char in chars.by_ref() {
            if char.is_ascii_alphabetic() {
                break;
            }
        }
    }
    text
}

/// The counts of nextest's last line:
/// `Summary [0.2s] 5 tests run: 4 passed (1 slow), 1 failed, 2 skipped`.
fn of_nextest(line: &str) -> Option<Counts> {
    let rest = line.trim().strip_prefix("Summary [")?;
    let (_, rest) = rest.split_once("run: ")?;
    let failed = [" failed", " exec failed", " timed out"]
        .iter()
        .filter_map(|kind| before(rest, kind))
        .sum();
    Some(Counts {
        passed: before(rest, " passed").unwrap_or(0),
        failed,
    })
}

/// The counts of a summary line, as the other programs write it.
fn of_line(line: &str) -> Option<Counts> {
    let line = line.trim();
    // cargo test, wasm-bindgen-test-runner: `test result: ok. 3 passed; 1 failed; …`
    if let Some(rest) = line.strip_prefix("test result: ") {
        let (_, rest) = rest.split_once(". ")?;
        return Some(Counts {
            passed: before(rest, " passed")?,
            failed: before(rest, " failed")?,
        });
    }
    // node --test: one line for each count.
    let node = |name: &str| line.strip_prefix(name).and_then(|n| n.parse().ok());
    if let Some(passed) = node("ℹ pass ") {
        return Some(Counts { passed, failed: 0 });
    }
    let failed = node("ℹ fail ").or_else(|| node("ℹ cancelled "))?;
    Some(Counts { passed: 0, failed })
}

/// The number that stands before a word: 4 in `4 passed` and in `run: 4 passed`.
fn before(text: &str, word: &str) -> Option<u64> {
    text.split([',', ';', '('])
        .find_map(|part| part.trim_end_matches(')').strip_suffix(word))
        .and_then(|part| part.trim().parse().ok())
        .or_else(|| {
            let (number, _) = text.split_once(word)?;
            number.rsplit([' ', ',', ';']).next()?.parse().ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_all_runners_are_read() {
        for (line, passed, failed) in [
            (
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                12,
                0,
            ),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored", 3, 2),
            (
                "     Summary [   0.012s] 5 tests run: 5 passed, 0 skipped",
                5,
                0,
            ),
            (
                "     Summary [   0.012s] 5 tests run: 4 passed (1 slow), 1 failed, 2 skipped",
                4,
                1,
            ),
            (
                "     Summary [   1.0s] 9 tests run: 6 passed, 1 failed, 2 timed out, 0 skipped",
                6,
                3,
            ),
            ("ℹ pass 7", 7, 0),
            ("ℹ fail 2", 0, 2),
        ] {
            assert_eq!(
                Counts::of_output(failed == 0, line),
                Counts { passed, failed },
                "{line}"
            );
        }
        for line in ["test a ... ok", "ℹ tests 3", "Summary of changes", ""] {
            assert_eq!(of_nextest(line).or_else(|| of_line(line)), None, "{line}");
        }
    }

    #[test]
    fn each_failure_is_counted_once() {
        // What a failing case leaves in nextest's output, and in that of the others.
        let case = "test a::b ... FAILED\n\nfailures:\n    a::b\n\n\
                    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 8 filtered out\n";
        let shown = format!("  stdout ───\n\n    {}", case.replace('\n', "\n    "));
        for (output, passed, failed) in [
            (
                format!(
                    "{shown}\n     Summary [   0.1s] 3 tests run: 2 passed, 1 failed, 0 skipped\n"
                ),
                2,
                1,
            ),
            // Told again after all others have run.
            (
                format!(
                    "{shown}{shown}\n     Summary [   0.1s] 5 tests run: 3 passed, 2 failed, 0 skipped\n{shown}{shown}"
                ),
                3,
                2,
            ),
            (format!("{case}{case}"), 0, 2),
            ("ℹ pass 3\nℹ fail 1\nℹ cancelled 1\n".to_owned(), 3, 2),
        ] {
            assert_eq!(
                Counts::of_output(false, &output),
                Counts { passed, failed },
                "{output}"
            );
        }
    }

    #[test]
    fn colours_do_not_hide_counts() {
        let output = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m passed, 0 skipped\n";
        assert_eq!(
            Counts::of_output(true, output),
            Counts {
                passed: 2,
                failed: 0
            }
        );
    }

    #[test]
    fn a_program_that_fails_or_runs_nothing_is_a_failure() {
        let failure = Counts {
            passed: 0,
            failed: 1,
        };
        assert_eq!(
            Counts::of_output(false, "error: could not compile"),
            failure
        );
        assert_eq!(Counts::of_output(true, ""), failure);
        assert_eq!(
            Counts::of_output(true, "test result: ok. 0 passed; 0 failed;"),
            failure
        );
        let crashed = "test result: ok. 2 passed; 0 failed; 0 ignored\n";
        assert_eq!(
            Counts::of_output(false, crashed),
            Counts {
                passed: 2,
                failed: 1
            }
        );
    }
}
