//! The command's process, and who holds its streams.

use super::{Engine, SOCKET};
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Fd, Io, Sys};
use glassdock_http::memory::{Kernel, Memory};
use glassdock_http::serve;

/// What a run of the command did.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub status: u8,
    pub out: String,
    pub err: String,
    pub requests: Vec<String>,
}

/// The command's process, its streams held by `user`.
pub struct Bench {
    pub kernel: Kernel,
    pub command: Memory,
    pub user: Memory,
    /// Set in the environment besides.
    pub env: Vec<String>,
}

impl Bench {
    pub fn new() -> Bench {
        let kernel = Kernel::new();
        let (command, user) = (kernel.process(), kernel.process());
        for fd in 0..3 {
            command.connect_to(fd, &user, fd);
        }
        Bench {
            kernel,
            command,
            user,
            env: Vec::new(),
        }
    }

    pub fn with_terminal() -> Bench {
        let kernel = Kernel::new();
        let (command, user) = (kernel.process(), kernel.process());
        for fd in 0..3 {
            command.terminal(fd, &user, fd);
        }
        Bench {
            kernel,
            command,
            user,
            env: Vec::new(),
        }
    }

    /// Runs the command while `user` does what it does; then everything it printed is collected.
    pub fn run(
        &self,
        engine: Engine,
        args: &[&str],
        user: impl AsyncFnOnce(&Kernel, &Memory, &Memory),
    ) -> Ran {
        let requests = engine.requests.clone();
        let server = self.kernel.process();
        let argv = core::iter::once("docker")
            .chain(args.iter().copied())
            .map(|arg| arg.as_bytes().to_vec())
            .collect();
        let mut envp = vec![b"HOME=/root".to_vec(), b"PWD=/root".to_vec()];
        envp.extend(self.env.iter().map(|set| set.as_bytes().to_vec()));
        let command = async {
            let status = glassdock_cli::main(self.command.clone(), argv, envp).await;
            (0..3).for_each(|fd| self.command.hang_up(fd));
            status
        };
        let serving = async {
            let listener = server.socket_stream().await.unwrap();
            server
                .bind(listener.fd(), SockAddr::Unix(SOCKET.into()))
                .await
                .unwrap();
            server.listen(listener.fd(), 16).await.unwrap();
            let sys = server.clone();
            server.task(Box::pin(async move {
                serve(sys, listener, engine.router(), 16).await;
            }));
        };
        let (status, (), out, err) = self.kernel.run(async {
            serving.await;
            let user = user(&self.kernel, &self.command, &self.user);
            futures_util::join!(
                command,
                user,
                read_all(&self.user, 1),
                read_all(&self.user, 2)
            )
        });
        let requests = requests.lock().unwrap().clone();
        Ran {
            status,
            out,
            err,
            requests,
        }
    }
}

pub async fn read_all(user: &Memory, fd: i32) -> String {
    let mut all = Vec::new();
    while let Ok(data) = user.read(Fd(fd), 65_536).await
        && !data.is_empty()
    {
        all.extend(data);
    }
    String::from_utf8(all).unwrap()
}
