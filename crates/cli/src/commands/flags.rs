//! The flags of the commands.

use crate::flags::{Flag, Kind, any};
use crate::options::{check, pairs};

const fn other(
    name: &'static str,
    type_name: &'static str,
    check: crate::flags::Check,
    help: &'static str,
) -> Flag {
    Flag::new(name, Kind::Other(type_name, check), help)
}

const FORMAT_HELP: &str = "Print in another form: 'json', or a Go template";
const LIST_FORMAT_HELP: &str =
    "Print in another form: 'table', 'table TEMPLATE', 'json', or a Go template";

pub const GLOBAL_FLAGS: &[Flag] = &[
    Flag::text("config", "Folder of the client's settings"),
    Flag::text("context", "Name of the context to use").short('c'),
    Flag::bool("debug", "Say more").short('D'),
    Flag::list("host", "Socket of the engine").short('H'),
    Flag::text(
        "log-level",
        "How much to say: debug, info, warn, error or fatal",
    )
    .short('l')
    .default("info"),
    Flag::bool("tls", "Use TLS").hidden(),
    Flag::text("tlscacert", "Certificate of the authority to trust").hidden(),
    Flag::text("tlscert", "Certificate of this client").hidden(),
    Flag::text("tlskey", "Key of this client").hidden(),
    Flag::bool("tlsverify", "Use TLS and check the engine's certificate").hidden(),
    Flag::bool("version", "Print the version").short('v'),
];

pub const FORMAT_FLAG: &[Flag] = &[Flag::text("format", FORMAT_HELP).short('f')];

pub const SIGNAL_FLAG: &[Flag] = &[Flag::text("signal", "Signal to send").short('s')];

const DETACH_KEYS: Flag = Flag::text(
    "detach-keys",
    "Keys that leave the container running and come back",
);

pub const ATTACH_FLAGS: &[Flag] = &[
    DETACH_KEYS,
    Flag::bool("no-stdin", "Do not connect standard input"),
    Flag::bool("sig-proxy", "Pass signals on to the process").default("true"),
];

pub const COMMIT_FLAGS: &[Flag] = &[
    Flag::text("author", "Who made it, such as \"Name <name@example.com>\"").short('a'),
    Flag::list("change", "Dockerfile instruction to apply").short('c'),
    Flag::text("message", "What changed").short('m'),
    Flag::bool("pause", "Freeze the container meanwhile")
        .short('p')
        .default("true"),
];

#[cfg(feature = "completion")]
pub const COMPLETION_FLAGS: &[Flag] = &[Flag::bool(
    "no-descriptions",
    "Show no words about candidates",
)];

pub const CONTEXT_FLAGS: &[Flag] = &[
    Flag::text("description", "What people are told of it"),
    other(
        "docker",
        "stringToString",
        pairs::check,
        "Where it leads: host=ADDRESS, or from=CONTEXT",
    ),
];

pub const CONTEXT_FROM_FLAG: &[Flag] = &[Flag::text("from", "Take all from another context")];

pub const CONTEXT_LS_FLAGS: &[Flag] = &[
    Flag::text("format", LIST_FORMAT_HELP),
    Flag::bool("quiet", "Print names only").short('q'),
];

pub const CONTEXT_RM_FLAGS: &[Flag] =
    &[Flag::bool("force", "Remove also the one that is meant").short('f')];

pub const EVENTS_FLAGS: &[Flag] = &[
    other(
        "filter",
        "filter",
        check::filter,
        "Show only what meets a condition",
    )
    .short('f'),
    Flag::text("format", FORMAT_HELP),
    Flag::text("since", "From this time on"),
    Flag::text("until", "Up to this time"),
];

pub const EXEC_FLAGS: &[Flag] = &[
    Flag::bool("detach", "Do not wait for the command").short('d'),
    DETACH_KEYS,
    Flag::list("env", "Set a variable of the environment")
        .checked(check::env)
        .short('e'),
    Flag::list("env-file", "Set variables that a file lists"),
    Flag::bool("interactive", "Keep standard input open").short('i'),
    Flag::bool("privileged", "Give the command all capabilities"),
    Flag::bool("tty", "Give the command a terminal").short('t'),
    Flag::text("user", "User to run as: name|uid[:group|gid]").short('u'),
    Flag::text("workdir", "Working directory inside").short('w'),
];

pub const EXPORT_FLAGS: &[Flag] =
    &[Flag::text("output", "File to write, instead of standard output").short('o')];

pub const SAVE_FLAGS: &[Flag] = &[
    Flag::text("output", "File to write, instead of standard output").short('o'),
    Flag::text("platform", "Platform to save, such as linux/amd64"),
];

pub const HISTORY_FLAGS: &[Flag] = &[
    Flag::text("format", LIST_FORMAT_HELP),
    Flag::bool("human", "Print sizes and dates for people")
        .short('H')
        .default("true"),
    Flag::bool("no-trunc", "Do not shorten"),
    Flag::text("platform", "Platform of the image, such as linux/amd64"),
    Flag::bool("quiet", "Print ids only").short('q'),
];

pub const IMAGES_FLAGS: &[Flag] = &[
    Flag::bool("all", "Show images of steps in between too").short('a'),
    Flag::bool("digests", "Show digests"),
    other(
        "filter",
        "filter",
        check::filter,
        "Show only what meets a condition",
    )
    .short('f'),
    Flag::text("format", LIST_FORMAT_HELP),
    Flag::bool("no-trunc", "Do not shorten"),
    Flag::bool("quiet", "Print ids only").short('q'),
];

pub const IMAGE_PRUNE_FLAGS: &[Flag] = &[
    Flag::bool("all", "Also images with names, if no container uses them").short('a'),
    other(
        "filter",
        "filter",
        check::filter,
        "Remove only what meets a condition",
    ),
    Flag::bool("force", "Do not ask").short('f'),
];

pub const IMPORT_FLAGS: &[Flag] = &[
    Flag::list("change", "Dockerfile instruction to apply").short('c'),
    Flag::text("message", "What it is").short('m'),
    Flag::text("platform", "Platform of the image, such as linux/amd64"),
];

pub const INSPECT_FLAGS: &[Flag] = &[
    Flag::text("format", FORMAT_HELP).short('f'),
    Flag::bool("size", "Show sizes of containers").short('s'),
    Flag::text("type", "Look only for objects of this type"),
];

pub const CONTAINER_INSPECT_FLAGS: &[Flag] = &[
    Flag::text("format", FORMAT_HELP).short('f'),
    Flag::bool("size", "Show sizes").short('s'),
];

pub const LOAD_FLAGS: &[Flag] = &[
    Flag::text("input", "File to read, instead of standard input").short('i'),
    Flag::text("platform", "Platform to load, such as linux/amd64"),
    Flag::bool("quiet", "Do not show progress").short('q'),
];

pub const LOGS_FLAGS: &[Flag] = &[
    Flag::bool("details", "Show attributes of the log too"),
    Flag::bool("follow", "Go on as more is printed").short('f'),
    Flag::text(
        "since",
        "From this time on: a date, or a duration before now",
    ),
    Flag::text("tail", "So many lines from the end")
        .short('n')
        .default("all"),
    Flag::bool("timestamps", "Show when each line was printed").short('t'),
    Flag::text("until", "Up to this time: a date, or a duration before now"),
];

pub const PRUNE_FLAGS: &[Flag] = &[
    other(
        "filter",
        "filter",
        check::filter,
        "Remove only what meets a condition",
    ),
    Flag::bool("force", "Do not ask").short('f'),
];

pub const STATS_FLAGS: &[Flag] = &[
    Flag::bool("all", "Show also containers that do not run").short('a'),
    Flag::text("format", LIST_FORMAT_HELP),
    Flag::bool("no-stream", "Show one reading and end"),
    Flag::bool("no-trunc", "Do not shorten"),
];

pub const PS_FLAGS: &[Flag] = &[
    Flag::bool("all", "Show also containers that do not run").short('a'),
    other(
        "filter",
        "filter",
        check::filter,
        "Show only what meets a condition",
    )
    .short('f'),
    Flag::text("format", LIST_FORMAT_HELP),
    Flag::int("last", "Show the containers made last, so many of them")
        .short('n')
        .default("-1"),
    Flag::bool("latest", "Show the container made last").short('l'),
    Flag::bool("no-trunc", "Do not shorten"),
    Flag::bool("quiet", "Print ids only").short('q'),
    Flag::bool("size", "Show sizes").short('s'),
];

pub const PULL_FLAGS: &[Flag] = &[
    Flag::bool("all-tags", "Get all tags of the repository").short('a'),
    Flag::text("platform", "Platform of the image, such as linux/amd64"),
    Flag::bool("quiet", "Do not show progress").short('q'),
];

pub const RM_FLAGS: &[Flag] = &[
    Flag::bool("force", "Remove also if it runs: it is killed").short('f'),
    Flag::bool("link", "Remove the link of that name").short('l'),
    Flag::bool("volumes", "Remove its volumes without names too").short('v'),
];

pub const RMI_FLAGS: &[Flag] = &[
    Flag::bool("force", "Remove also if a stopped container uses it").short('f'),
    Flag::bool("no-prune", "Keep the images that it was built on"),
    Flag::new(
        "platform",
        Kind::Slice,
        "Remove only this platform, such as linux/amd64",
    ),
];

pub const START_FLAGS: &[Flag] = &[
    Flag::bool(
        "attach",
        "Connect standard output and error, and pass signals on",
    )
    .short('a'),
    DETACH_KEYS,
    Flag::bool("interactive", "Connect standard input").short('i'),
];

pub const STOP_FLAGS: &[Flag] = &[
    Flag::int("timeout", "Seconds until it is killed")
        .short('t')
        .default("0"),
    Flag::int("time", "")
        .default("0")
        .deprecated("use --timeout instead"),
];

const PULL_HELP: &str = "When to get the image: always, missing or never";

pub const CREATE_FLAGS: &[Flag] = &[
    Flag::text("name", "Name of the container"),
    Flag::text("platform", "Platform of the image, such as linux/amd64"),
    Flag::text("pull", PULL_HELP).default("missing"),
    Flag::bool("quiet", "Do not show how the image is got").short('q'),
    Flag::bool("disable-content-trust", "")
        .default("true")
        .hidden(),
];

pub const RUN_FLAGS: &[Flag] = &[
    Flag::bool("detach", "Do not wait; print the container's id").short('d'),
    DETACH_KEYS,
    Flag::text("name", "Name of the container"),
    Flag::text("platform", "Platform of the image, such as linux/amd64"),
    Flag::text("pull", PULL_HELP).default("missing"),
    Flag::bool("quiet", "Do not show how the image is got").short('q'),
    Flag::bool("sig-proxy", "Pass signals on to the process").default("true"),
    Flag::bool("disable-content-trust", "")
        .default("true")
        .hidden(),
];

pub const CONTAINER_FLAGS: &[Flag] = &[
    Flag::list("add-host", "Add a line to /etc/hosts (host:ip)").checked(check::extra_host),
    other("annotation", "map", any, "Give the runtime an annotation"),
    Flag::list("attach", "Connect to stdin, stdout or stderr")
        .checked(check::attach)
        .short('a'),
    other(
        "blkio-weight-device",
        "list",
        check::weight_device,
        "The same for one device",
    ),
    Flag::list("cap-add", "Give a capability"),
    Flag::list("cap-drop", "Take a capability"),
    Flag::text("cgroup-parent", "Control group to be in"),
    Flag::text("cgroupns", "Control group namespace: host or private"),
    Flag::text("cidfile", "File that gets the container's id"),
    Flag::list("device", "Give a device of the host"),
    Flag::list("device-cgroup-rule", "Allow devices by rule").checked(check::device_cgroup_rule),
    other(
        "device-read-bps",
        "list",
        check::throttle_bytes,
        "Bytes a second that may be read from a device",
    ),
    other(
        "device-read-iops",
        "list",
        check::throttle_operations,
        "Reads a second from a device",
    ),
    other(
        "device-write-bps",
        "list",
        check::throttle_bytes,
        "Bytes a second that may be written to a device",
    ),
    other(
        "device-write-iops",
        "list",
        check::throttle_operations,
        "Writes a second to a device",
    ),
    Flag::list("dns", "Name server to use").checked(check::ip_address),
    Flag::list("dns-opt", "").alias("dns-option"),
    Flag::list("dns-option", "Option of the name resolver"),
    Flag::list("dns-search", "Domain to search names in"),
    Flag::text("domainname", "Domain name inside"),
    Flag::text("entrypoint", "Program to run instead of the image's"),
    Flag::list("env", "Set a variable of the environment")
        .checked(check::env)
        .short('e'),
    Flag::list("env-file", "Set variables that a file lists"),
    Flag::list(
        "expose",
        "Port or range of ports that the container listens on",
    ),
    other(
        "gpus",
        "gpu-request",
        any,
        "Give graphics processors ('all' for all)",
    ),
    Flag::list("group-add", "Further group of the process"),
    Flag::text("health-cmd", "Command that checks the container's health"),
    Flag::new(
        "health-interval",
        Kind::Duration,
        "Time between checks (ms|s|m|h)",
    )
    .default("0"),
    Flag::int("health-retries", "Failures in a row until it is unhealthy").default("0"),
    Flag::new(
        "health-start-interval",
        Kind::Duration,
        "Time between checks while it starts (ms|s|m|h)",
    )
    .default("0"),
    Flag::new(
        "health-start-period",
        Kind::Duration,
        "Time it may take to start (ms|s|m|h)",
    )
    .default("0"),
    Flag::new(
        "health-timeout",
        Kind::Duration,
        "Time that a check may take (ms|s|m|h)",
    )
    .default("0"),
    Flag::bool("help", "Print usage"),
    Flag::text("hostname", "Host name inside").short('h'),
    Flag::bool(
        "init",
        "Run an init that passes signals on and reaps processes",
    ),
    Flag::bool("interactive", "Keep standard input open").short('i'),
    Flag::text("ip", "IPv4 address (172.30.100.104)"),
    Flag::text("ip6", "IPv6 address (2001:db8::33)"),
    Flag::text("ipc", "IPC namespace to use"),
    Flag::text("isolation", "How containers are kept apart"),
    other("kernel-memory", "bytes", check::bytes, "")
        .default("0")
        .hidden(),
    Flag::list("label", "Set a label")
        .checked(check::label)
        .short('l'),
    Flag::list("label-file", "Set labels that a file lists"),
    Flag::list("link", "Link to another container").checked(check::link),
    Flag::list("link-local-ip", "Link-local address"),
    Flag::text("log-driver", "Where output is logged"),
    Flag::list("log-opt", "Option of the log"),
    Flag::text("mac-address", "Hardware address (92:d0:c6:0a:29:33)"),
    Flag::int(
        "memory-swappiness",
        "How gladly memory is swapped, 0 to 100",
    )
    .default("-1"),
    other(
        "mount",
        "mount",
        check::mount,
        "Mount something into the container",
    ),
    other("net", "network", any, "").alias("network"),
    Flag::list("net-alias", "").alias("network-alias"),
    other("network", "network", any, "Network to be in"),
    Flag::list("network-alias", "Further name in the network"),
    Flag::bool(
        "no-healthcheck",
        "Do not check health, whatever the image says",
    ),
    Flag::bool("oom-kill-disable", "Never kill it for want of memory"),
    Flag::int(
        "oom-score-adj",
        "How gladly it is killed for want of memory, -1000 to 1000",
    )
    .default("0"),
    Flag::text("pid", "Process namespace to use"),
    Flag::bool("privileged", "Give all capabilities and devices"),
    Flag::list("publish", "Publish a port on the host").short('p'),
    Flag::bool("publish-all", "Publish every exposed port on any free port").short('P'),
    Flag::bool("read-only", "Make the root file system read-only"),
    Flag::bool("rm", "Remove the container when it has ended"),
    Flag::text("runtime", "Runtime to use"),
    Flag::list("security-opt", "Security option"),
    other("shm-size", "bytes", check::bytes, "Size of /dev/shm").default("0"),
    Flag::text("stop-signal", "Signal that stops it"),
    Flag::int(
        "stop-timeout",
        "Seconds until it is killed when it is stopped",
    )
    .default("0"),
    Flag::list("storage-opt", "Option of the storage"),
    other("sysctl", "map", check::sysctl, "Set a kernel parameter"),
    Flag::list("tmpfs", "Mount a file system in memory"),
    Flag::bool("tty", "Give the container a terminal").short('t'),
    other("ulimit", "ulimit", check::ulimit, "Set a resource limit"),
    Flag::text("user", "User to run as: name|uid[:group|gid]").short('u'),
    Flag::text("userns", "User namespace to use"),
    Flag::text("uts", "UTS namespace to use"),
    Flag::list("volume", "Mount a folder of the host or a volume").short('v'),
    Flag::text("volume-driver", "Driver of new volumes"),
    Flag::list("volumes-from", "Mount the volumes of another container"),
    Flag::text("workdir", "Working directory inside").short('w'),
];

/// Limits, and when a container is started again: of `create`, `run` and `update`.
pub const LIMIT_FLAGS: &[Flag] = &[
    Flag::new(
        "blkio-weight",
        Kind::Uint(16),
        "Share of block input and output, 10 to 1000",
    )
    .default("0"),
    Flag::int("cpu-period", "Period of the CPU quota in microseconds").default("0"),
    Flag::int("cpu-quota", "CPU time in each period in microseconds").default("0"),
    Flag::int(
        "cpu-rt-period",
        "Period of the real-time quota in microseconds",
    )
    .default("0"),
    Flag::int(
        "cpu-rt-runtime",
        "Real-time CPU time in each period in microseconds",
    )
    .default("0"),
    Flag::int("cpu-shares", "Share of the CPU")
        .short('c')
        .default("0"),
    other(
        "cpus",
        "decimal",
        check::cpus,
        "Number of processors, such as 1.5",
    ),
    Flag::text("cpuset-cpus", "Processors to run on (0-3, 0,1)"),
    Flag::text("cpuset-mems", "Memory nodes to use (0-3, 0,1)"),
    other("memory", "bytes", check::bytes, "Most memory to use")
        .short('m')
        .default("0"),
    other(
        "memory-reservation",
        "bytes",
        check::bytes,
        "Memory to keep to when it is scarce",
    )
    .default("0"),
    other(
        "memory-swap",
        "bytes",
        check::memory_swap,
        "Most memory and swap together; -1 for no limit",
    )
    .default("0"),
    Flag::int("pids-limit", "Most processes; -1 for no limit").default("0"),
    Flag::text("restart", "When to start it again after it has ended").default("no"),
];
