//! The scripted session of `docker` commands: each does the same in the simulated machine and on the real kernel.
//! Needs root.

use glassdock_tests::session::{commands, real, simulated};

const SESSION: &str = include_str!("../session/commands.txt");
/// Our programs for the real kernel.
const PROGRAMS: &str = env!("CARGO_BIN_EXE_programs");
/// Least number of commands that the session is worth something with.
const COMMANDS_MIN: usize = 40;

#[test]
fn every_command_does_the_same_on_both_kernels() {
    let commands = commands(SESSION);
    assert!(commands.len() >= COMMANDS_MIN);
    let simulated = simulated(&commands).expect("the session in the machine");
    let real = real(&commands, PROGRAMS.as_ref()).expect("the session on the host");
    let mut different = String::new();
    for (real, simulated) in real.iter().zip(&simulated) {
        if real != simulated {
            different += &format!("real: {real:#?}\nsimulated: {simulated:#?}\n");
        }
    }
    assert!(different.is_empty(), "{different}");
}
