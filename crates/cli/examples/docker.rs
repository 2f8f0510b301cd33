//! The command on the real kernel, to be compared with the real one.

use glassdock_linux::Direct;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let argv = std::env::args_os().map(OsStringExt::into_vec).collect();
    let pair = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        [name.into_vec(), b"=".to_vec(), value.into_vec()].concat()
    };
    let envp = std::env::vars_os().map(pair).collect();
    let sys = match Direct::for_program() {
        Ok(sys) => sys,
        Err(errno) => {
            eprintln!("docker: {errno}");
            return ExitCode::FAILURE;
        }
    };
    ExitCode::from(sys.block_on(glassdock_cli::main(sys.clone(), argv, envp)))
}
