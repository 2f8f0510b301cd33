//! Ids and names of containers.

use glassdock_abi::{Errno, Io, Sys};
use glassdock_image::digest::hex;

/// Bytes of randomness in an id; twice as many digits.
const ID_BYTES: u64 = 32;
/// Digits of an id that tables show.
pub const SHORT_ID: usize = 12;
/// What a name may consist of, as error messages say it.
pub const ALLOWED: &str = "[a-zA-Z0-9][a-zA-Z0-9_.-]";

/// A new id: 64 hexadecimal digits, of which the first twelve are not all decimal, so that a short id cannot be taken
/// for a number.
pub async fn random_id<S: Sys>(sys: &S) -> Result<String, Errno> {
    loop {
        let id = hex(&sys.getrandom(ID_BYTES).await?);
        if !short(&id).bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(id);
        }
    }
}

/// The first twelve digits.
pub fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// Whether a text may be a container's name.
pub fn is_valid(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric())
        && name.len() > 1
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// A name for a container that was not given one. From the second try on a digit follows, so that it becomes likelier
/// to be free.
pub async fn random_name<S: Sys>(sys: &S, attempt: u32) -> Result<String, Errno> {
    let random = sys.getrandom(9).await?;
    let pick = |at: usize, count: usize| {
        let number = random
            .iter()
            .skip(at)
            .take(4)
            .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        number % count
    };
    let digit = if attempt == 0 {
        String::new()
    } else {
        (pick(8, 10)).to_string()
    };
    Ok(format!(
        "{}_{}{digit}",
        FIRST[pick(0, FIRST.len())],
        LAST[pick(4, LAST.len())]
    ))
}

/// How somebody may be.
const FIRST: [&str; 64] = [
    "able", "agile", "airy", "alert", "amber", "ample", "apt", "azure", "balmy", "bold", "brave",
    "breezy", "bright", "brisk", "calm", "candid", "clear", "clever", "coral", "crisp", "curious",
    "deft", "eager", "earnest", "fair", "fleet", "fluent", "fond", "frank", "fresh", "gentle",
    "glad", "golden", "grand", "hardy", "hearty", "honest", "humble", "jolly", "keen", "kind",
    "lively", "lucid", "lunar", "marine", "merry", "mild", "neat", "nimble", "noble", "patient",
    "placid", "plucky", "polite", "quick", "quiet", "sage", "serene", "silver", "solar", "steady",
    "sunny", "tidal", "wise",
];

/// People of science and engineering.
const LAST: [&str; 64] = [
    "abel",
    "ampere",
    "anning",
    "avogadro",
    "babbage",
    "banach",
    "bernoulli",
    "boole",
    "brahe",
    "cantor",
    "cauchy",
    "celsius",
    "chandra",
    "copernicus",
    "crick",
    "dirac",
    "erdos",
    "euler",
    "faraday",
    "fermat",
    "fourier",
    "frege",
    "gauss",
    "germain",
    "goodenough",
    "hamming",
    "hertz",
    "hilbert",
    "hubble",
    "humboldt",
    "huygens",
    "joule",
    "kelvin",
    "kirchhoff",
    "kolmogorov",
    "lagrange",
    "laplace",
    "leavitt",
    "leibniz",
    "linnaeus",
    "maxwell",
    "mendel",
    "milnor",
    "nash",
    "newcomen",
    "ohm",
    "pascal",
    "peano",
    "planck",
    "raman",
    "riemann",
    "rutherford",
    "scherer",
    "shannon",
    "somerville",
    "thales",
    "turing",
    "vauban",
    "volta",
    "wallis",
    "watt",
    "weber",
    "wien",
    "zermelo",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dockers_pattern() {
        for name in ["ab", "a1", "0_.-", "web-1"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "a", "-a", "_a", "a b", "a/b", "é1"] {
            assert!(!is_valid(name), "{name}");
        }
    }

    #[test]
    fn every_generated_word_is_a_valid_name_and_no_word_comes_twice() {
        for words in [FIRST, LAST] {
            assert!(words.iter().all(|word| is_valid(word)));
            assert!(
                words.is_sorted_by(|a, b| a < b),
                "sorted, so nothing comes twice"
            );
        }
    }
}
