//! The daemon, the shim and the helper on the real kernel, for tests: `argv[0]` or the first argument says which.

use glassdock_linux::Direct;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut argv: Vec<Vec<u8>> = std::env::args_os().map(OsStringExt::into_vec).collect();
    let envp = std::env::vars_os()
        .map(|(name, value)| [name.into_vec(), b"=".to_vec(), value.into_vec()].concat())
        .collect();
    let by_name = argv
        .first()
        .is_some_and(|name| name.starts_with(b"glassdock-"));
    if !by_name && argv.len() > 1 {
        argv.remove(0);
    }
    let sys = match Direct::new() {
        Ok(sys) => sys,
        Err(errno) => {
            eprintln!("dockerd-dev: {errno}");
            return ExitCode::FAILURE;
        }
    };
    let status = match argv.first().map(Vec::as_slice) {
        Some(b"glassdock-shim") => {
            sys.block_on(glassdock_runtime::shim::main(sys.clone(), argv, envp))
        }
        Some(b"glassdock-runtime") => {
            sys.block_on(glassdock_runtime::helper::main(sys.clone(), argv, envp))
        }
        Some(b"dockerd") => sys.block_on(glassdock_engine::daemon::main(sys.clone(), argv, envp)),
        _ => {
            eprintln!("usage: dockerd-dev dockerd [OPTIONS]");
            2
        }
    };
    ExitCode::from(status)
}
