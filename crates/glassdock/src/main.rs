//! Glassdock on a real Linux, as one program: the daemon, the `docker` command, the OCI runtime's command line, and the
//! processes that the daemon starts. What each of them does is in the crates below; here they meet the kernel.

mod daemon;
mod program;
mod runtime;

use glassdock_linux::Direct;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: glassdock COMMAND

Commands:
  daemon    Run containers for clients of the Docker API
  docker    The docker command line
  runtime   Make containers from OCI bundles, with runc's command line
  version   Print the version

Called by the name docker or runc, it is that command line.
'glassdock COMMAND --help' tells more.
";

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let name = args.first().map(OsString::as_os_str).unwrap_or_default();
    let name = name.as_bytes().rsplit(|&b| b == b'/').next();
    match name.unwrap_or_default() {
        // What the daemon starts, and what that starts.
        b"glassdock-shim" => return shim(args),
        b"glassdock-runtime" => return helper(args),
        b"docker" => return docker(args),
        b"runc" => return runtime::main(args.clone(), args),
        _ => {}
    }
    if args.len() < 2 {
        eprint!("{USAGE}");
        return ExitCode::from(125);
    }
    let given = args.clone();
    let command = args.remove(1);
    match command.as_bytes() {
        b"daemon" => daemon::main(args),
        b"docker" => docker(args),
        b"runtime" => runtime::main(given, args),
        b"version" | b"--version" | b"-v" => {
            println!("glassdock {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        b"help" | b"--help" | b"-h" => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            let command = command.display();
            eprintln!("glassdock: {command} is no command\nSee 'glassdock --help'.");
            ExitCode::from(125)
        }
    }
}

fn shim(args: Vec<OsString>) -> ExitCode {
    on_one_thread(Direct::new(), |sys| {
        sys.block_on(glassdock_runtime::shim::main(
            sys.clone(),
            bytes(args),
            environment(),
        ))
    })
}

fn helper(args: Vec<OsString>) -> ExitCode {
    on_one_thread(Direct::new(), |sys| {
        sys.block_on(glassdock_runtime::helper::main(
            sys.clone(),
            bytes(args),
            environment(),
        ))
    })
}

fn docker(args: Vec<OsString>) -> ExitCode {
    on_one_thread(Direct::for_program(), |sys| {
        sys.block_on(glassdock_cli::main(sys.clone(), bytes(args), environment()))
    })
}

fn on_one_thread(
    sys: glassdock_abi::Result<Direct>,
    program: impl FnOnce(&Direct) -> u8,
) -> ExitCode {
    match sys {
        Ok(sys) => ExitCode::from(program(&sys)),
        Err(errno) => {
            eprintln!("glassdock: {errno}");
            ExitCode::FAILURE
        }
    }
}

fn bytes(args: Vec<OsString>) -> Vec<Vec<u8>> {
    args.into_iter().map(OsStringExt::into_vec).collect()
}

/// The environment as programs get it.
fn environment() -> Vec<Vec<u8>> {
    std::env::vars_os()
        .map(|(name, value)| [name.into_vec(), b"=".to_vec(), value.into_vec()].concat())
        .collect()
}
