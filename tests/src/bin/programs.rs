//! All programs of ours on the real kernel, in one file: the name that it is called by says which it is.

use glassdock_linux::Direct;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let argv: Vec<Vec<u8>> = std::env::args_os().map(OsStringExt::into_vec).collect();
    let envp = std::env::vars_os()
        .map(|(name, value)| [name.into_vec(), b"=".to_vec(), value.into_vec()].concat())
        .collect();
    let sys = match Direct::for_program() {
        Ok(sys) => sys,
        Err(errno) => {
            eprintln!("programs: {errno}");
            return ExitCode::FAILURE;
        }
    };
    let name = argv
        .first()
        .and_then(|path| path.rsplit(|b| *b == b'/').next());
    let status = match name {
        Some(b"docker") => sys.block_on(glassdock_cli::main(sys.clone(), argv, envp)),
        Some(b"dockerd") => sys.block_on(glassdock_engine::daemon::main(sys.clone(), argv, envp)),
        Some(b"socket-activate") => {
            sys.block_on(glassdock_engine::activate::main(sys.clone(), argv, envp))
        }
        Some(b"glassdock-shim") => {
            sys.block_on(glassdock_runtime::shim::main(sys.clone(), argv, envp))
        }
        Some(b"glassdock-runtime") => {
            sys.block_on(glassdock_runtime::helper::main(sys.clone(), argv, envp))
        }
        _ => {
            eprintln!("programs: called by none of their names");
            2
        }
    };
    ExitCode::from(status)
}
