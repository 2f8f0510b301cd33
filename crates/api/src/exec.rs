//! Commands in a running container: `POST /containers/ID/exec`, `/exec/ID/{start,json,resize}`.

use crate::{List, go_struct};

go_struct! {
    /// Body of `POST /containers/ID/exec` (`container.ExecOptions`).
    pub struct ExecCreate {
        /// `user[:group]`.
        pub user: String = "User",
        /// All capabilities.
        pub privileged: bool = "Privileged",
        /// With a terminal.
        pub tty: bool = "Tty",
        /// First size of the terminal: height, width.
        pub console_size: Option<[u32; 2]> = "ConsoleSize", omitempty,
        /// Attaches standard input.
        pub attach_stdin: bool = "AttachStdin",
        /// Attaches standard error.
        pub attach_stderr: bool = "AttachStderr",
        /// Attaches standard output.
        pub attach_stdout: bool = "AttachStdout",
        /// Keys that detach, such as `ctrl-p,ctrl-q`.
        pub detach_keys: String = "DetachKeys",
        /// `NAME=value`, added to the container's.
        pub env: List<String> = "Env",
        /// Working directory.
        pub working_dir: String = "WorkingDir",
        /// Command and arguments.
        pub cmd: List<String> = "Cmd",
        /// Not used.
        pub detach: bool = "Detach",
    }
}

go_struct! {
    /// Body of `POST /exec/ID/start` (`container.ExecStartOptions`).
    pub struct ExecStart {
        /// Does not wait.
        pub detach: bool = "Detach",
        /// With a terminal.
        pub tty: bool = "Tty",
        /// First size of the terminal: height, width.
        pub console_size: Option<[u32; 2]> = "ConsoleSize", omitempty,
    }
}

go_struct! {
    /// Answer to `GET /exec/ID/json` (`backend.ExecInspect`).
    pub struct ExecInspect {
        /// The full id.
        pub id: String = "ID",
        /// Still running.
        pub running: bool = "Running",
        /// `null` until it has ended.
        pub exit_code: Option<i64> = "ExitCode",
        /// What runs.
        pub process_config: Option<ExecProcessConfig> = "ProcessConfig",
        /// Standard input is open.
        pub open_stdin: bool = "OpenStdin",
        /// Standard error is open.
        pub open_stderr: bool = "OpenStderr",
        /// Standard output is open.
        pub open_stdout: bool = "OpenStdout",
        /// Its container may go.
        pub can_remove: bool = "CanRemove",
        /// Its container.
        pub container_id: String = "ContainerID",
        /// Keys that detach, in base64.
        pub detach_keys: Option<String> = "DetachKeys",
        /// Pid on the host; zero when not running.
        pub pid: i64 = "Pid",
    }
}

go_struct! {
    /// What an exec runs (`backend.ExecProcessConfig`).
    pub struct ExecProcessConfig {
        /// With a terminal.
        pub tty: bool = "tty",
        /// The program.
        pub entrypoint: String = "entrypoint",
        /// Its arguments.
        pub arguments: List<String> = "arguments",
        /// All capabilities.
        pub privileged: Option<bool> = "privileged", omitempty,
        /// `user[:group]`.
        pub user: String = "user", omitempty,
    }
}
