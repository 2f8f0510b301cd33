//! Descriptors that a process has beside its streams: `--preserve-fds`, and sockets of who started this program
//! (`man 3 sd_listen_fds`).

use super::args::{Command, Making};
use super::{Result, RuntimeError};
use glassdock_runtime::ErrorKind;
use std::path::Path;

/// How many sockets this program was started with.
fn listening() -> u32 {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    match number("LISTEN_PID") == Some(std::process::id()) {
        true => number("LISTEN_FDS").unwrap_or(0),
        false => 0,
    }
}

/// Options of the helper.
pub(super) fn options(making: &Making) -> Vec<String> {
    let listening = listening();
    let all = making.preserve_fds.saturating_add(listening);
    [("--preserve-fds", all), ("--listen-fds", listening)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .flat_map(|(name, count)| [name.to_owned(), count.to_string()])
        .collect()
}

/// Checks that what is to be passed on is there, before anything of this program's own comes to stand in its place.
pub(super) fn check(command: &Command) -> Result<()> {
    let (Command::Create { making, .. }
    | Command::Run { making, .. }
    | Command::Exec { making, .. }) = command
    else {
        return Ok(());
    };
    let count = making.preserve_fds.saturating_add(listening());
    for fd in (3..).take(count as usize) {
        if Path::new(&format!("/proc/self/fd/{fd}"))
            .symlink_metadata()
            .is_err()
        {
            let text = format!("please check that preserved-fd {fd} (of {count}) is present");
            return Err(RuntimeError::new(ErrorKind::Invalid, text));
        }
    }
    Ok(())
}
