//! The commands as data: names, arguments, flags. Reading, help and dispatch share this table.

mod flags;

use crate::flags::Flag;
use flags::*;

/// How many arguments a command takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Args {
    /// None.
    None,
    /// Exactly so many.
    Exactly(usize),
    /// Exactly so many, where the real command says it in other words.
    Accepts(usize),
    /// So many or more.
    AtLeast(usize),
    /// So many or fewer.
    AtMost(usize),
    /// From the first to the second.
    Range(usize, usize),
}

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is the command of its name")]
pub enum Action {
    /// Only has commands below it.
    Group,
    /// The real command has it, this one does not yet.
    Unsupported,
    Attach,
    Commit,
    #[cfg(feature = "completion")]
    Completion,
    ContextCreate,
    ContextExport,
    ContextImport,
    ContextInspect,
    ContextLs,
    ContextRm,
    ContextShow,
    ContextUpdate,
    ContextUse,
    Create,
    Diff,
    Events,
    Exec,
    Export,
    History,
    ImageInspect,
    ImagePrune,
    Images,
    Import,
    Info,
    Inspect,
    ContainerInspect,
    Kill,
    Load,
    Logs,
    Pause,
    Port,
    Prune,
    Ps,
    Pull,
    Rename,
    Restart,
    Rm,
    Rmi,
    Run,
    Save,
    Start,
    Stats,
    Stop,
    Tag,
    Top,
    Unpause,
    Update,
    Version,
    Wait,
}

impl Action {
    /// Whether it needs an engine. What is about contexts does without, so that a wrong one can be put right.
    pub fn asks_engine(self) -> bool {
        use Action::*;
        #[cfg(feature = "completion")]
        if self == Completion {
            return false;
        }
        !matches!(
            self,
            ContextCreate
                | ContextExport
                | ContextImport
                | ContextInspect
                | ContextLs
                | ContextRm
                | ContextShow
                | ContextUpdate
                | ContextUse
        )
    }
}

/// A command.
#[derive(Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// What follows the name in its usage line.
    pub usage: &'static str,
    /// One line about it.
    pub short: &'static str,
    /// How many arguments it takes.
    pub args: Args,
    /// Its flags.
    pub flags: &'static [&'static [Flag]],
    /// Whether flags may stand among the arguments.
    pub interspersed: bool,
    /// What it does.
    pub action: Action,
    /// Commands below it.
    pub children: &'static [&'static Command],
    /// Where it stands among the common commands.
    pub common: Option<u8>,
}

impl Command {
    const fn new(
        name: &'static str,
        usage: &'static str,
        args: Args,
        action: Action,
        short: &'static str,
    ) -> Command {
        Command {
            name,
            aliases: &[],
            usage,
            short,
            args,
            flags: &[],
            interspersed: true,
            action,
            children: &[],
            common: None,
        }
    }
    const fn flags(mut self, flags: &'static [&'static [Flag]]) -> Command {
        self.flags = flags;
        self
    }
    const fn aliases(mut self, aliases: &'static [&'static str]) -> Command {
        self.aliases = aliases;
        self
    }
    const fn common(mut self, place: u8) -> Command {
        self.common = Some(place);
        self
    }
    /// Flags end at the first argument.
    const fn flags_first(mut self) -> Command {
        self.interspersed = false;
        self
    }
    const fn group(
        name: &'static str,
        short: &'static str,
        children: &'static [&'static Command],
    ) -> Command {
        let mut group = Command::new(name, "", Args::None, Action::Group, short);
        group.children = children;
        group
    }
    const fn unsupported(name: &'static str) -> Command {
        Command::new(name, "", Args::AtLeast(0), Action::Unsupported, "")
    }

    /// The command below this one by its name or another name of it.
    pub fn child(&self, name: &str) -> Option<&'static Command> {
        let named = |child: &&&'static Command| child.name == name || child.aliases.contains(&name);
        self.children.iter().find(named).copied()
    }

    /// All its flags.
    pub fn all_flags(&self) -> Vec<Flag> {
        self.flags.concat()
    }
}

const CONTAINERS: &str = "[OPTIONS] CONTAINER [CONTAINER...]";

macro_rules! commands {
    ($($const:ident = $command:expr;)*) => { $(static $const: Command = $command;)* };
}

commands! {
    ATTACH = Command::new("attach", "[OPTIONS] CONTAINER", Args::Exactly(1), Action::Attach,
        "Connect this terminal to a running container").flags(&[ATTACH_FLAGS]);
    COMMIT = Command::new("commit", "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]", Args::Range(1, 2), Action::Commit,
        "Make an image of a container's changes").flags(&[COMMIT_FLAGS]);
    CONTEXT_CREATE = Command::new("create", "[OPTIONS] CONTEXT", Args::Exactly(1), Action::ContextCreate,
        "Make a context").flags(&[CONTEXT_FLAGS, CONTEXT_FROM_FLAG]);
    CONTEXT_EXPORT = Command::new("export", "[OPTIONS] CONTEXT [FILE|-]", Args::Range(1, 2), Action::ContextExport,
        "Write a context as a tar archive");
    CONTEXT_IMPORT = Command::new("import", "CONTEXT FILE|-", Args::Exactly(2), Action::ContextImport,
        "Make a context of a tar archive");
    CONTEXT_INSPECT = Command::new("inspect", "[OPTIONS] [CONTEXT] [CONTEXT...]", Args::AtLeast(0), Action::ContextInspect,
        "Show everything that is known of contexts").flags(&[FORMAT_FLAG]);
    CONTEXT_LS = Command::new("ls", "[OPTIONS]", Args::None, Action::ContextLs, "List contexts").flags(&[CONTEXT_LS_FLAGS])
        .aliases(&["list"]);
    CONTEXT_RM = Command::new("rm", "CONTEXT [CONTEXT...]", Args::AtLeast(1), Action::ContextRm,
        "Remove contexts").flags(&[CONTEXT_RM_FLAGS]).aliases(&["remove"]);
    CONTEXT_SHOW = Command::new("show", "", Args::None, Action::ContextShow, "Print the name of the context that is meant");
    CONTEXT_UPDATE = Command::new("update", "[OPTIONS] CONTEXT", Args::Exactly(1), Action::ContextUpdate,
        "Change a context").flags(&[CONTEXT_FLAGS]);
    CONTEXT_USE = Command::new("use", "CONTEXT", Args::Accepts(1), Action::ContextUse,
        "Choose the context that is meant from now on");
    CREATE = Command::new("create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", Args::AtLeast(1), Action::Create,
        "Make a container without starting it").flags(&[CREATE_FLAGS, CONTAINER_FLAGS, LIMIT_FLAGS]).flags_first();
    DIFF = Command::new("diff", "CONTAINER", Args::Exactly(1), Action::Diff,
        "Show what a container changed in its file system");
    EVENTS = Command::new("events", "[OPTIONS]", Args::None, Action::Events,
        "Show what happens in the engine as it happens").flags(&[EVENTS_FLAGS]);
    EXEC = Command::new("exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", Args::AtLeast(2), Action::Exec,
        "Run another command in a running container").flags(&[EXEC_FLAGS]).flags_first().common(2);
    EXPORT = Command::new("export", "[OPTIONS] CONTAINER", Args::Exactly(1), Action::Export,
        "Write a container's file system as a tar archive").flags(&[EXPORT_FLAGS]);
    HISTORY = Command::new("history", "[OPTIONS] IMAGE", Args::Exactly(1), Action::History,
        "Show how an image was made").flags(&[HISTORY_FLAGS]);
    IMAGES = Command::new("images", "[OPTIONS] [REPOSITORY[:TAG]]", Args::AtMost(1), Action::Images,
        "List images").flags(&[IMAGES_FLAGS]).common(7);
    IMAGE_LS = Command::new("ls", "[OPTIONS] [REPOSITORY[:TAG]]", Args::AtMost(1), Action::Images,
        "List images").flags(&[IMAGES_FLAGS]).aliases(&["list"]);
    IMPORT = Command::new("import", "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]", Args::AtLeast(1), Action::Import,
        "Make an image of a tar archive of files").flags(&[IMPORT_FLAGS]);
    INFO = Command::new("info", "[OPTIONS]", Args::None, Action::Info,
        "Show what the engine is and has").flags(&[FORMAT_FLAG]).common(12);
    INSPECT = Command::new("inspect", "[OPTIONS] NAME|ID [NAME|ID...]", Args::AtLeast(1), Action::Inspect,
        "Show everything that is known of objects").flags(&[INSPECT_FLAGS]);
    CONTAINER_INSPECT = Command::new("inspect", CONTAINERS, Args::AtLeast(1), Action::ContainerInspect,
        "Show everything that is known of containers").flags(&[CONTAINER_INSPECT_FLAGS]);
    IMAGE_INSPECT = Command::new("inspect", "[OPTIONS] IMAGE [IMAGE...]", Args::AtLeast(1), Action::ImageInspect,
        "Show everything that is known of images").flags(&[FORMAT_FLAG]);
    IMAGE_PRUNE = Command::new("prune", "[OPTIONS]", Args::None, Action::ImagePrune,
        "Remove images that nothing uses").flags(&[IMAGE_PRUNE_FLAGS]);
    KILL = Command::new("kill", CONTAINERS, Args::AtLeast(1), Action::Kill,
        "Send a signal to running containers").flags(&[SIGNAL_FLAG]);
    LOAD = Command::new("load", "[OPTIONS]", Args::None, Action::Load,
        "Load images from an archive").flags(&[LOAD_FLAGS]);
    LOGS = Command::new("logs", "[OPTIONS] CONTAINER", Args::Exactly(1), Action::Logs,
        "Show what a container has printed").flags(&[LOGS_FLAGS]);
    PAUSE = Command::new("pause", "CONTAINER [CONTAINER...]", Args::AtLeast(1), Action::Pause,
        "Freeze all processes of containers");
    PORT = Command::new("port", "CONTAINER [PRIVATE_PORT[/PROTO]]", Args::Range(1, 2), Action::Port,
        "Show where a container's ports are published");
    PRUNE = Command::new("prune", "[OPTIONS]", Args::None, Action::Prune,
        "Remove all containers that do not run").flags(&[PRUNE_FLAGS]);
    PS = Command::new("ps", "[OPTIONS]", Args::None, Action::Ps, "List containers").flags(&[PS_FLAGS]).common(3);
    CONTAINER_LS = Command::new("ls", "[OPTIONS]", Args::None, Action::Ps, "List containers").flags(&[PS_FLAGS])
        .aliases(&["ps", "list"]);
    PULL = Command::new("pull", "[OPTIONS] NAME[:TAG|@DIGEST]", Args::Exactly(1), Action::Pull,
        "Get an image from a registry").flags(&[PULL_FLAGS]).common(5);
    RENAME = Command::new("rename", "CONTAINER NEW_NAME", Args::Exactly(2), Action::Rename, "Give a container another name");
    RESTART = Command::new("restart", CONTAINERS, Args::AtLeast(1), Action::Restart,
        "Stop containers and start them again").flags(&[SIGNAL_FLAG, STOP_FLAGS]);
    RM = Command::new("rm", CONTAINERS, Args::AtLeast(1), Action::Rm, "Remove containers").flags(&[RM_FLAGS])
        .aliases(&["remove"]);
    RMI = Command::new("rmi", "[OPTIONS] IMAGE [IMAGE...]", Args::AtLeast(1), Action::Rmi, "Remove images").flags(&[RMI_FLAGS]);
    IMAGE_RM = Command::new("rm", "[OPTIONS] IMAGE [IMAGE...]", Args::AtLeast(1), Action::Rmi, "Remove images").flags(&[RMI_FLAGS])
        .aliases(&["rmi", "remove"]);
    RUN = Command::new("run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", Args::AtLeast(1), Action::Run,
        "Make a container of an image and start it").flags(&[RUN_FLAGS, CONTAINER_FLAGS, LIMIT_FLAGS]).flags_first().common(1);
    SAVE = Command::new("save", "[OPTIONS] IMAGE [IMAGE...]", Args::AtLeast(1), Action::Save,
        "Write images to an archive").flags(&[SAVE_FLAGS]);
    START = Command::new("start", CONTAINERS, Args::AtLeast(1), Action::Start,
        "Start containers that do not run").flags(&[START_FLAGS]);
    STOP = Command::new("stop", CONTAINERS, Args::AtLeast(1), Action::Stop,
        "Stop running containers").flags(&[SIGNAL_FLAG, STOP_FLAGS]);
    STATS = Command::new("stats", "[OPTIONS] [CONTAINER...]", Args::AtLeast(0), Action::Stats,
        "Show what containers use").flags(&[STATS_FLAGS]);
    TAG = Command::new("tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", Args::Exactly(2), Action::Tag,
        "Give an image a further name").flags_first();
    TOP = Command::new("top", "CONTAINER [ps OPTIONS]", Args::AtLeast(1), Action::Top,
        "List the processes of a container").flags_first();
    UNPAUSE = Command::new("unpause", "CONTAINER [CONTAINER...]", Args::AtLeast(1), Action::Unpause,
        "Let frozen containers go on");
    UPDATE = Command::new("update", CONTAINERS, Args::AtLeast(1), Action::Update,
        "Change the limits of containers").flags(&[LIMIT_FLAGS]);
    VERSION = Command::new("version", "[OPTIONS]", Args::None, Action::Version,
        "Show the versions of this command and of the engine").flags(&[FORMAT_FLAG]).common(10);
    WAIT = Command::new("wait", "CONTAINER [CONTAINER...]", Args::AtLeast(1), Action::Wait,
        "Wait until containers stop, and print their exit statuses");

    CONTAINER = Command::group("container", "Commands about containers", &[
        &ATTACH, &COMMIT, &CREATE, &DIFF, &EXEC, &EXPORT, &CONTAINER_INSPECT, &KILL, &LOGS, &CONTAINER_LS, &PAUSE, &PORT,
        &PRUNE, &RENAME, &RESTART, &RM, &RUN, &START, &STOP, &TOP, &UNPAUSE, &WAIT, &CP, &STATS, &UPDATE,
    ]);
    CONTEXT = Command::group("context", "Commands about contexts: named addresses of engines", &[
        &CONTEXT_CREATE, &CONTEXT_EXPORT, &CONTEXT_IMPORT, &CONTEXT_INSPECT, &CONTEXT_LS, &CONTEXT_RM, &CONTEXT_SHOW,
        &CONTEXT_UPDATE, &CONTEXT_USE,
    ]);
    IMAGE = Command::group("image", "Commands about images", &[
        &HISTORY, &IMPORT, &IMAGE_INSPECT, &LOAD, &IMAGE_LS, &IMAGE_PRUNE, &PULL, &IMAGE_RM, &SAVE, &TAG, &BUILD, &PUSH,
    ]);
    SYSTEM = Command::group("system", "Commands about the engine", &[&EVENTS, &INFO, &DF, &SYSTEM_PRUNE]);

    BUILD = Command::unsupported("build");
    CP = Command::unsupported("cp");
    DF = Command::unsupported("df");
    PUSH = Command::unsupported("push");
    SYSTEM_PRUNE = Command::unsupported("prune");
    LOGIN = Command::unsupported("login");
    LOGOUT = Command::unsupported("logout");
    SEARCH = Command::unsupported("search");
    BUILDER = Command::unsupported("builder");
    MANIFEST = Command::unsupported("manifest");
    NETWORK = Command::unsupported("network");
    PLUGIN = Command::unsupported("plugin");
    TRUST = Command::unsupported("trust");
    VOLUME = Command::unsupported("volume");
    CONFIG = Command::unsupported("config");
    NODE = Command::unsupported("node");
    SECRET = Command::unsupported("secret");
    SERVICE = Command::unsupported("service");
    STACK = Command::unsupported("stack");
    SWARM = Command::unsupported("swarm");
}

/// In the simulated machine no shell completes lines, so the page does without.
#[cfg(feature = "completion")]
static COMPLETION: Command = Command::new(
    "completion",
    "[OPTIONS] bash|fish|zsh",
    Args::Exactly(1),
    Action::Completion,
    "Print a shell's script that completes lines",
)
.flags(&[COMPLETION_FLAGS]);

/// The command `docker` itself.
pub static DOCKER: Command = {
    let mut docker = Command::group(
        "docker",
        "Containers from the command line",
        &[
            &ATTACH,
            &COMMIT,
            &CONTAINER,
            &CREATE,
            &DIFF,
            &EVENTS,
            &EXEC,
            &EXPORT,
            &HISTORY,
            &IMAGE,
            &IMAGES,
            &IMPORT,
            &INFO,
            &INSPECT,
            &KILL,
            &LOAD,
            &LOGS,
            &PAUSE,
            &PORT,
            &PS,
            &PULL,
            &RENAME,
            &RESTART,
            &RM,
            &RMI,
            &RUN,
            &SAVE,
            &START,
            &STOP,
            &SYSTEM,
            &TAG,
            &TOP,
            &UNPAUSE,
            &VERSION,
            &WAIT,
            &BUILD,
            &CP,
            &PUSH,
            &STATS,
            &UPDATE,
            &LOGIN,
            &LOGOUT,
            &SEARCH,
            &BUILDER,
            &CONTEXT,
            &MANIFEST,
            &NETWORK,
            &PLUGIN,
            &TRUST,
            &VOLUME,
            &CONFIG,
            &NODE,
            &SECRET,
            &SERVICE,
            &STACK,
            &SWARM,
            #[cfg(feature = "completion")]
            &COMPLETION,
        ],
    );
    docker.usage = "[OPTIONS] COMMAND [ARG...]";
    docker.flags = &[GLOBAL_FLAGS];
    docker.interspersed = false;
    docker
};

#[cfg(test)]
mod tests {
    use super::*;

    fn all(command: &'static Command, seen: &mut Vec<&'static Command>) {
        seen.push(command);
        command.children.iter().for_each(|child| all(child, seen));
    }

    #[test]
    fn no_command_has_two_flags_of_one_name_or_letter_nor_two_children_of_one_name() {
        let mut commands = Vec::new();
        all(&DOCKER, &mut commands);
        for command in commands {
            let flags = command.all_flags();
            for (n, flag) in flags.iter().enumerate() {
                let twin = flags[..n].iter().any(|other| {
                    other.long == flag.long || flag.short.is_some() && other.short == flag.short
                });
                assert!(!twin, "{} --{}", command.name, flag.long);
            }
            let mut names: Vec<_> = command.children.iter().map(|child| child.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), command.children.len(), "{}", command.name);
        }
    }

    #[test]
    fn each_supported_command_says_what_it_does() {
        let mut commands = Vec::new();
        all(&DOCKER, &mut commands);
        for command in commands
            .iter()
            .filter(|command| command.action != Action::Unsupported)
        {
            assert!(!command.short.is_empty(), "{}", command.name);
            for flag in command.all_flags() {
                assert!(
                    flag.hidden || !flag.help.is_empty(),
                    "{} --{}",
                    command.name,
                    flag.long
                );
            }
        }
    }
}
