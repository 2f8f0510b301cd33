//! What processors of different makers do differently, where the manuals leave it open.
//!
//! The interpreter does what AMD's processors do. Beside one of another maker such a case shows nothing: it is counted
//! apart, and everything else is compared as ever.

use glassdock_cpu::forms::Form;

use super::Outcome;

/// The signal after a case that ran to its end.
const TRAP: i32 = 5;

/// Functions whose last bit is the maker's own.
const TRANSCENDENTAL: [&str; 8] = [
    "f2xm1", "fcos", "fpatan", "fptan", "fsin", "fsincos", "fyl2x", "fyl2xp1",
];

/// Forms whose outcome is the maker's own where they fault: the first word of their names, and what differs.
const FAULTING: [(&str, &str); 11] = [
    (
        "call",
        "whether a call to no address has pushed its return address",
    ),
    ("cmps", FLAGS),
    ("fist", ORDER),
    ("fistp", ORDER),
    ("fst", ORDER),
    ("fstp", ORDER),
    ("movd/movq", MMX),
    ("movntq", MMX),
    ("movq", MMX),
    ("scas", FLAGS),
    ("maskmovq", MMX),
];
const FLAGS: &str = "the flags of a repetition that a fault breaks off";
const ORDER: &str = "which of two exceptions of a store comes first";
const MMX: &str = "whether a store that faults has turned the x87 registers to MMX";

/// Whether this machine's processor is of the maker whose behaviour the interpreter has.
pub fn is_modelled() -> bool {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .any(|line| line.starts_with("vendor_id") && line.ends_with("AuthenticAMD"))
}

/// What makers do differently in a case, if anything.
pub fn differ(form: &Form, ours: &Outcome, real: &Outcome) -> Option<&'static str> {
    if TRANSCENDENTAL.contains(&form.name) {
        return Some("the last bit of a transcendental function");
    }
    let faulted = ours.signal != TRAP || real.signal != TRAP;
    let word = form.name.split(' ').next();
    let found = FAULTING.iter().find(|(name, _)| word == Some(name));
    found.filter(|_| faulted).map(|(_, what)| *what)
}
