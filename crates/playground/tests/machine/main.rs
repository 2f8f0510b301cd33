//! The machine as a learner has it: booted from the images that the page loads, typed at through its console.

mod harness;

use harness::Machine;

#[test]
fn the_machine_boots_to_a_prompt() {
    let mut machine = Machine::boot();
    assert_eq!(machine.run("echo $((6 * 7)); id -un"), "42\nroot\n");
}
