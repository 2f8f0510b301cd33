//! The machine as a learner has it: booted from the images that the page loads, typed at through its console.

mod crashes;

use glassdock_kernel::{ImportMeta, ImportNode, Kernel};
use glassdock_playground::testing::{INSIDE, Machine, PROMPT};
use glassdock_trace::{Delta, EventKind, World};

/// Told with every container until there are networks.
const NO_NETWORK: &str = "WARNING: This engine has no networks yet: the container gets a loopback interface only, as with --network none\n";

/// A command that prints something every second.
const TICKS: &str = "sh -c 'i=0; while true; do i=$((i+1)); echo tick $i; sleep 1; done'";

#[test]
fn the_host_is_a_small_linux_with_its_engine() {
    let mut machine = Machine::boot();
    assert_eq!(
        machine.run("pwd; id -un; hostname"),
        "/root\nroot\nglassdock\n"
    );
    assert_eq!(
        machine.run("tty; stty size; uname -sm"),
        "/dev/pts/0\n24 200\nLinux x86_64\n"
    );
    assert_eq!(
        machine.run("ps -o pid,args | grep -v ps"),
        "PID   COMMAND\n    1 init\n    6 /usr/bin/dockerd -H fd:// --preload /usr/share/docker\n    7 -/bin/login -f root\n    8 -sh\n"
    );
    let versions =
        "docker version --format '{{.Client.Version}} {{.Server.Version}}' | grep -c glassdock";
    assert_eq!(machine.run(versions), "1\n");
    assert_eq!(
        machine.run("docker images --format '{{.Repository}}:{{.Tag}}'"),
        "busybox:latest\n"
    );
    // A shell that ends is followed by another.
    let told = machine.type_until("exit\n", PROMPT);
    assert!(told.contains("root login"), "{told}");
}

#[test]
fn a_shell_in_a_container() {
    let mut machine = Machine::boot();
    let told = machine.type_until("docker run --rm -it --name box -h box busybox sh\n", INSIDE);
    assert!(told.contains("built-in shell"), "{told}");
    for (command, told) in [
        ("hostname", "box\n"),
        ("tty", "/dev/pts/0\n"),
        ("stty size", "24 200\n"),
        ("echo $$", "1\n"),
        // busybox's shell runs its own applets without an `execve`.
        ("ps -o pid,args", "PID   COMMAND\n    1 sh\n    5 {ps} sh\n"),
        (
            "mount | head -1 | cut -d' ' -f1-5",
            "overlay on / type overlay\n",
        ),
        ("echo here > /made; cat /made", "here\n"),
    ] {
        assert_eq!(machine.run_at(INSIDE, command), told, "{command}");
    }
    // An interrupt reaches what runs in the container, and the shell goes on.
    machine.type_until("sleep 1000\n", "sleep 1000");
    machine.pass(2_000_000_000);
    machine.type_until("\u{3}", INSIDE);
    assert_eq!(machine.run_at(INSIDE, "echo $?"), "130\n");
    assert_eq!(machine.run("exit 3"), "");
    assert_eq!(machine.run("echo $?; docker ps -aq"), "3\n");
}

#[test]
fn a_container_in_the_background() {
    let mut machine = Machine::boot();
    let id = machine.run(&format!("docker run -d --name web busybox {TICKS}"));
    let id = id
        .strip_prefix(NO_NETWORK)
        .expect("the warning")
        .trim_end()
        .to_owned();
    assert!(
        id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(
        machine.run("sleep 3; docker logs web | head -3"),
        "tick 1\ntick 2\ntick 3\n"
    );
    let columns = "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.RunningFor}}|{{.Status}}";
    assert_eq!(
        machine.run(&format!("docker ps --format '{columns}'")),
        "web|busybox|\"sh -c 'i=0; while t…\"|running|3 seconds ago|Up 3 seconds\n"
    );
    // Followed until an interrupt, which leaves the container alone.
    machine.type_until("docker logs -f --tail 1 web\n", "tick 8");
    machine.type_until("\u{3}", PROMPT);
    assert_eq!(
        machine.run("docker exec web hostname"),
        format!("{}\n", &id[..12])
    );
    machine.type_until("docker exec -it web sh\n", INSIDE);
    assert_eq!(
        machine.run_at(INSIDE, "tty; cat /proc/1/comm"),
        "/dev/pts/0\nsh\n"
    );
    machine.type_until("exit 7\n", PROMPT);
    assert_eq!(machine.run("echo $?"), "7\n");
    let top = machine.run("docker top web | awk '{print $8, $9}'");
    assert!(top.starts_with("CMD \nsh -c\n"), "{top}");
    assert_eq!(
        machine.run("docker inspect --format '{{.State.Status}} {{.Config.Image}} {{.Args}}' web | cut -c-23"),
        "running busybox [-c i=0\n"
    );
    // The shell ignores the signal as first process, so the ten seconds of grace pass; for the learner at once.
    let begin = machine.kernel.now();
    assert_eq!(machine.run("docker stop web"), "web\n");
    let took = machine.kernel.now() - begin;
    assert!((10_000_000_000..10_200_000_000).contains(&took), "{took}");
    assert_eq!(machine.run("docker wait web; docker ps -q"), "137\n");
    assert_eq!(
        machine.run("docker start web; docker restart -t 0 web"),
        "web\nweb\n"
    );
    assert_eq!(
        machine.run("docker kill -s KILL web; docker wait web"),
        "web\n137\n"
    );
    assert_eq!(
        machine.run("docker start web; docker rm web"),
        "web\nError response from daemon: cannot remove container \"web\": container is running: stop the container before removing or force remove\n"
    );
    assert_eq!(machine.run("docker rm -f web; docker ps -aq"), "web\n");
}

#[test]
fn attached_and_detached() {
    let mut machine = Machine::boot();
    machine.run("docker run -dit --name box busybox sh");
    machine.type_until("docker attach box\n", "/ # ");
    machine.type_until("echo $((6*7))\n", "42\r\n");
    machine.type_until("\u{10}\u{11}", PROMPT);
    assert!(
        machine.seen.contains("read escape sequence"),
        "{}",
        machine.seen
    );
    assert_eq!(
        machine.run("docker ps --format '{{.Names}} {{.State}}'"),
        "box running\n"
    );
    machine.type_until("docker attach box\n", "/ # ");
    machine.type_until("exit 4\n", PROMPT);
    assert_eq!(machine.run("echo $?; docker wait box"), "4\n4\n");
}

#[test]
fn a_window_that_changes_its_size() {
    let mut machine = Machine::boot();
    machine.type_until("docker run --rm -it busybox sh\n", INSIDE);
    let window = glassdock_abi::types::Winsize {
        rows: 40,
        cols: 100,
        xpixel: 0,
        ypixel: 0,
    };
    machine
        .kernel
        .input(glassdock_kernel::Input::Resize(machine.console, window));
    machine.pass(1_000_000_000);
    assert_eq!(machine.run_at(INSIDE, "stty size"), "40 100\n");
    machine.type_until("exit\n", PROMPT);
    assert_eq!(machine.run("stty size"), "40 100\n");
}

#[test]
fn statuses_of_what_cannot_be_run() {
    let mut machine = Machine::boot();
    for (command, status) in [
        ("docker run --rm busybox nosuchprogram", 127),
        ("docker run --rm busybox /etc/passwd", 126),
        ("docker run --rm nosuchimage true", 125),
        ("docker run --nosuchflag busybox true", 125),
        ("docker run --rm busybox false", 1),
        ("docker run --rm busybox sh -c 'exit 42'", 42),
        ("docker exec nosuch true", 1),
    ] {
        let told = machine.status(command);
        assert!(
            told.ends_with(&format!("status {status}\n")),
            "{command}: {told}"
        );
    }
    assert_eq!(machine.run("docker ps -aq; ls /run/docker/runtime /run/docker/bundles | wc -l; mount | grep -c overlay"), "3\n0\n");
}

#[test]
fn pipes_and_loops_of_the_shell_around_it() {
    let mut machine = Machine::boot();
    assert_eq!(
        machine.run("echo hi | docker run -i --rm busybox cat 2>/dev/null | tr a-z A-Z"),
        "HI\n"
    );
    assert_eq!(
        machine.run("for i in 1 2 3; do docker run --rm busybox echo run $i 2>/dev/null; done"),
        "run 1\nrun 2\nrun 3\n"
    );
    assert_eq!(
        machine.run("head -c 300000 /dev/zero | docker run -i --rm busybox sh -c 'wc -c; echo err >&2' 2>/dev/null"),
        "300000\n"
    );
    assert_eq!(
        machine.run("docker run --rm busybox head -c 300000 /dev/zero 2>/dev/null | sha256sum"),
        machine.run("head -c 300000 /dev/zero | sha256sum")
    );
    assert_eq!(
        machine.run("docker run --rm busybox seq 1 20000 2>/dev/null | head -2"),
        "1\n2\n"
    );
    assert_eq!(machine.run("sleep 1; docker ps -aq | wc -l"), "0\n");
}

#[test]
fn images_come_and_go() {
    let mut machine = Machine::boot();
    assert_eq!(
        machine.run("docker rmi busybox | cut -d: -f1"),
        "Untagged\nDeleted\nDeleted\n"
    );
    assert_eq!(
        machine.run("docker images -q; ls /var/lib/docker/overlay2"),
        "l\n"
    );
    assert_eq!(
        machine.run("docker load -q -i /usr/share/docker/busybox.tar.gz"),
        "Loaded image: busybox:latest\n"
    );
    assert_eq!(
        machine.run("docker load -q < /usr/share/docker/busybox.tar.gz"),
        "Loaded image: busybox:latest\n"
    );
    assert_eq!(
        machine.run("mkdir -p /tmp/r/bin; cp /bin/busybox /tmp/r/bin; tar c -C /tmp/r . | docker import -c 'CMD [\"/bin/busybox\",\"echo\",\"imported\"]' - imp:1 | cut -c1-7"),
        "sha256:\n"
    );
    assert_eq!(
        machine.run("docker run --rm imp:1 2>/dev/null"),
        "imported\n"
    );
    assert_eq!(
        machine.run("docker tag imp:1 other; docker rmi imp:1 | cut -d: -f1"),
        "Untagged\n"
    );
    assert_eq!(
        machine.run("docker rmi other | cut -d: -f1 | sort -u"),
        "Deleted\nUntagged\n"
    );
    let broken = "head -c 500000 /usr/share/docker/busybox.tar.gz | docker load; echo $?; docker images -q | wc -l";
    assert_eq!(machine.run(broken), "unexpected EOF\n1\n1\n");
}

#[test]
fn events_tell_what_happened() {
    let mut machine = Machine::boot();
    machine.run("docker run --rm --name box busybox sh -c 'exit 3'");
    let told = machine
        .run("sleep 1; docker events --since 10s --until 0s --format '{{.Type}} {{.Action}}'");
    assert_eq!(
        told,
        "image load\ncontainer create\ncontainer attach\ncontainer start\ncontainer die\ncontainer destroy\n"
    );
}

#[test]
fn the_engine_is_started_by_its_first_client_which_finds_the_images_of_the_host() {
    let mut machine = Machine::starting(|_| {});
    machine.type_until("", PROMPT);
    assert_eq!(
        machine.run("pidof dockerd; docker run --rm busybox echo hello 2>&1 | tail -1; pidof dockerd | wc -w"),
        "hello\n1\n"
    );
}

#[test]
fn an_image_of_the_host_is_loaded_once_and_a_damaged_archive_keeps_no_other_away() {
    let damaged = |kernel: &mut Kernel| {
        let file = ImportNode::File(b"\x1f\x8bno more");
        kernel
            .import(
                b"usr/share/docker/another.tar.gz",
                &ImportMeta::default(),
                file,
            )
            .expect("a file");
    };
    let mut machine = Machine::boot_changed(damaged);
    let images = "docker images --format '{{.Repository}}'";
    assert_eq!(machine.run(images), "busybox\n");
    let log = machine.run("cat /var/log/dockerd.log");
    assert!(log.contains("/usr/share/docker/another.tar.gz: "), "{log}");
    assert!(log.contains("Loaded image: busybox:latest"), "{log}");
    machine.run("docker rmi busybox; kill $(pidof dockerd); sleep 2");
    assert_eq!(machine.run(images), "");
}

#[test]
fn the_engine_started_again_finds_its_containers() {
    let mut machine = Machine::boot();
    machine.run(&format!("docker run -d --name web busybox {TICKS}"));
    machine.run("docker create --name idle busybox true");
    // init starts the engine again; the container's shim has not noticed.
    machine.run("kill -9 $(pidof dockerd); sleep 2");
    assert_eq!(
        machine.run("docker ps -a --format '{{.Names}} {{.State}}' | sort"),
        "idle created\nweb running\n"
    );
    assert_eq!(
        machine.run("docker logs web | head -1; docker exec web hostname | wc -c"),
        "tick 1\n13\n"
    );
    assert_eq!(
        machine.run("docker rm -f web idle; ls /var/lib/docker/containers | wc -l"),
        "web\nidle\n0\n"
    );
}

#[test]
fn all_of_a_large_paste_arrives() {
    // More than the terminal's own 64 KiB, so most of it waits outside.
    let text: String = (0..20_000)
        .map(|line| format!("{line} of the pasted lines\n"))
        .collect();
    let mut machine = Machine::boot();
    machine.type_until("stty -echo; cat > /tmp/pasted; stty echo\n", "\r\n");
    machine.type_until(&format!("{text}\x04"), PROMPT);
    let expected = format!("{} /tmp/pasted\n", text.len());
    assert_eq!(machine.run("wc -c /tmp/pasted"), expected);
    assert_eq!(machine.run("sort -n -u /tmp/pasted | wc -l"), "20000\n");
}

#[test]
fn lines_pasted_at_a_prompt_are_all_run() {
    let mut machine = Machine::boot();
    // More than the terminal's own 64 KiB.
    let lines: String = (0..2000)
        .map(|line| format!("echo {line} is a line of some length >> /tmp/lines\n"))
        .collect();
    machine.type_until(&format!("{lines}echo all of th''em\n"), "all of them");
    assert_eq!(machine.run("sort -n -u /tmp/lines | wc -l"), "2000\n");
}

#[test]
fn a_call_that_nobody_survives_is_told_once() {
    let mut machine = Machine::boot();
    let from = machine.kernel.tracer().written();
    machine.run("busybox true");
    let told = machine.kernel.tracer().read(from, usize::MAX);
    let ends = told.iter().filter(|(_, event)| match &event.kind {
        EventKind::Enter { name, .. } => name == "exit_group",
        _ => false,
    });
    assert_eq!(ends.count(), 1);
}

#[test]
fn the_same_machine_twice_gives_the_same_events() {
    let session = || {
        let mut machine = Machine::boot();
        machine.run("docker run --rm busybox echo hello");
        machine.type_until("docker run --rm -it busybox sh\n", INSIDE);
        machine.type_until("exit\n", PROMPT);
        (machine.kernel.hash(), machine.kernel.now())
    };
    assert_eq!(session(), session());
}

/// What the trace has told, and in its turn.
#[derive(Default)]
struct Follower {
    next: u64,
    world: World,
    deltas: Vec<Delta>,
}

impl Follower {
    fn follow(&mut self, machine: &Machine) {
        assert_eq!(machine.kernel.tracer().base(), 0, "the ring holds all");
        for (number, event) in machine.kernel.tracer().read(self.next, usize::MAX) {
            self.next = number + 1;
            if let EventKind::Delta { delta, .. } = event.kind {
                self.world.apply(delta.clone()).expect("a delta fits");
                self.deltas.push(delta);
            }
        }
        // The engine's containers and images are no state of the kernel's.
        let mut kernel = machine.kernel.inspect();
        kernel.containers.clone_from(&self.world.containers);
        kernel.images.clone_from(&self.world.images);
        let wrong = self.world.differences(&kernel);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn the_trace_tells_all_that_containers_change_and_leads_back_to_the_start() {
    let mut machine = Machine::boot();
    let mut follower = Follower::default();
    follower.follow(&machine);
    for command in [
        "docker run --rm -v /root:/data:ro --tmpfs /scratch busybox ls /data",
        "docker run -d --name box busybox sleep 1000",
        "docker exec box mkdir /made",
        "cd /proc/$(docker inspect -f '{{.State.Pid}}' box)/root/made; pwd; cd",
        "docker restart -t 0 box; mount --bind /mnt /opt; mount --move /opt /srv; umount /srv",
    ] {
        machine.run(command);
        follower.follow(&machine);
    }
    machine.type_until("docker exec -it box sh\n", INSIDE);
    follower.follow(&machine);
    machine.type_until("exit\n", PROMPT);
    machine.run("docker rm -f box; docker rmi busybox");
    follower.follow(&machine);
    assert!(follower.world.containers.is_empty() && follower.world.images.is_empty());
    for delta in follower.deltas.into_iter().rev() {
        follower.world.undo(delta).expect("a delta can be undone");
    }
    assert_eq!(follower.world, World::default());
}
