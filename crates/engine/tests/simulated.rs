//! What clients and archives get wrong, on the simulated kernel.

mod wrong;

use expect_test::expect_file;
use glassdock_abi::{BoxFuture, Spawn, Sys};
use glassdock_kernel::{Config, ImportNode, Main, Task, testing};
use wrong::Place;

/// Where Debian's busybox-static is.
const BUSYBOX: &str = "/bin/busybox";
/// Slices that all may take.
const SLICES: u32 = 5_000;

type Strings = Vec<Vec<u8>>;

fn dockerd(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_engine::daemon::main(task, argv, envp))
}

fn shim(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::shim::main(task, argv, envp))
}

fn runtime(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::helper::main(task, argv, envp))
}

async fn all(sys: Task, busybox: Vec<u8>) -> String {
    let place = Place {
        socket: "/run/s".to_owned(),
        root: "/var/data/root".to_owned(),
    };
    let args = [
        "--host",
        &place.socket,
        "--data-root",
        &place.root,
        "--shim",
        "/shim",
        "--runtime",
        "/runtime",
    ];
    let program = Spawn::new("/dockerd", "dockerd", args);
    let _daemon = sys.spawn(program).await.expect("starts");
    wrong::tell(&sys, &place, &busybox).await
}

#[test]
fn what_is_wrong_is_answered_as_moby_does_and_leaves_nothing() {
    let busybox = std::fs::read(BUSYBOX).expect("busybox, of the package busybox-static");
    let programs: [(&str, Main); 3] = [("dockerd", dockerd), ("shim", shim), ("runtime", runtime)];
    let etc = ("etc".to_owned(), 0o755, ImportNode::Directory);
    let mut kernel = testing::host(Config::default(), &programs, vec![etc]);
    let told = testing::run(&mut kernel, SLICES, |task| all(task, busybox), |_| {});
    expect_file!["wrong/expected.txt"].assert_eq(&told.expect("it comes to its end"));
}
