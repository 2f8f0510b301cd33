//! How a line goes on, for shells. Their scripts are thin: they ask `docker __complete WORDS…` with the line up to its
//! last word, and get a candidate a line, perhaps a tab and a word about it, and at the end a colon and a number
//! ([`Then`]). This is the protocol of the real command (cobra's), so either can be asked by either's scripts.

mod line;
mod script;
mod values;

pub use script::script;

use crate::commands::{Action, Command, DOCKER};
use crate::contexts::meta::DEFAULT;
use crate::contexts::{self, Choice, store};
use crate::error::{Fail, Result};
use crate::flags;
use crate::session::{Call, Session};
use glassdock_abi::Sys;
use glassdock_abi::files::write_all;
use glassdock_abi::types::capability;
use glassdock_abi::{Errno, Fd};
use glassdock_api::container::Summary;
use glassdock_api::image::Summary as Image;
use glassdock_api::network::Network;
use glassdock_trace::Trace;
use line::{Line, Place};
use std::collections::BTreeMap;
use values::{State, Words};

/// Shells that have a script.
pub const SHELLS: &[&str] = &["bash", "fish", "zsh"];

/// What the shell does with the candidates (cobra's `ShellCompDirective`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// Where there are none, it takes names of files.
    Default = 0,
    /// It forgets all: something went wrong.
    Error = 1,
    /// No space comes after one.
    NoSpace = 2,
    /// Names of files are none.
    NoFiles = 4,
}

impl Then {
    fn name(self) -> &'static str {
        match self {
            Then::Default => "Default",
            Then::Error => "Error",
            Then::NoSpace => "NoSpace",
            Then::NoFiles => "NoFileComp",
        }
    }
}

/// Candidates, each with a word about it that may be empty.
type Candidates = Vec<(String, String)>;
type Answer = (Candidates, Then);

/// The words that are asked about, if the arguments ask, and whether words about candidates are wanted.
pub fn asked(args: &[String]) -> Option<(&[String], bool)> {
    let (first, rest) = args.split_first()?;
    match first.as_str() {
        "__complete" => Some((rest, true)),
        "__completeNoDesc" => Some((rest, false)),
        _ => None,
    }
}

/// `docker __complete`
///
/// # Errors
/// There are no words, or nobody takes the answer.
pub async fn complete<S: Sys + Trace>(
    sys: &S,
    words: &[String],
    described: bool,
    env: BTreeMap<String, String>,
) -> Result<()> {
    let Some((last, before)) = words.split_last() else {
        return Err(Fail::new("requires at least 1 arg(s), only received 0"));
    };
    let (candidates, then) = answer(sys, before, last, env).await;
    let mut text = String::new();
    for (name, about) in candidates {
        text += &match about.lines().next().filter(|_| described) {
            Some(about) => format!("{name}\t{about}\n"),
            None => format!("{name}\n"),
        };
    }
    text += &format!(":{}\n", then as u8);
    let note = format!(
        "Completion ended with directive: ShellCompDirective{}\n",
        then.name()
    );
    let wrong = |errno: Errno| Fail::new(errno.message());
    write_all(sys, Fd::STDOUT, text.as_bytes())
        .await
        .map_err(wrong)?;
    write_all(sys, Fd::STDERR, note.as_bytes())
        .await
        .map_err(wrong)
}

async fn answer<S: Sys + Trace>(
    sys: &S,
    before: &[String],
    last: &str,
    env: BTreeMap<String, String>,
) -> Answer {
    let line = line::read(before, last);
    let (words, part) = match &line.place {
        None => return (Vec::new(), Then::Default),
        Some(Place::Command(command)) => return commands(command, last),
        Some(Place::Flags(flags)) => {
            let flag = |(text, help): &(String, &str)| (text.clone(), (*help).to_owned());
            return (flags.iter().map(flag).collect(), Then::NoFiles);
        }
        Some(Place::Value(command, flag, part)) => (values::value(command.action, flag), *part),
        Some(Place::Argument(command)) => {
            let words = values::argument(command.action, line.args.len(), &line.given);
            (words, last)
        }
    };
    match words {
        Words::Nothing => (Vec::new(), Then::NoFiles),
        Words::Files => (Vec::new(), Then::Default),
        Words::Fixed(words) => (plain(words), Then::NoFiles),
        Words::Begun(words) => (plain(words), Then::NoSpace),
        Words::Variables => (plain(env.keys()), Then::NoFiles),
        Words::Signals => (plain(values::signals()), Then::NoFiles),
        Words::Capabilities => {
            let all = std::iter::once("ALL".to_owned()).chain(capability::full_names());
            (plain(all), Then::NoFiles)
        }
        Words::Namespace(words) if !part.starts_with("container:") => (plain(words), Then::NoFiles),
        // The session is that of the line, with its own global flags.
        words => match from_session(sys, before, env, &line, words).await {
            Ok(answer) => answer,
            // People are in the middle of a line: nothing is said there, as the real command does it.
            Err(_) => (Vec::new(), Then::Error),
        },
    }
}

fn plain(words: impl IntoIterator<Item = impl AsRef<str>>) -> Candidates {
    let bare = |word: &str| (word.to_owned(), String::new());
    words.into_iter().map(|word| bare(word.as_ref())).collect()
}

/// The commands below one that begin with what is written.
fn commands(command: &Command, last: &str) -> Answer {
    let known = command
        .children
        .iter()
        .filter(|child| child.action != Action::Unsupported);
    let mut all: Candidates = known
        .map(|child| (child.name.to_owned(), child.short.to_owned()))
        .collect();
    if core::ptr::eq(command, &DOCKER) {
        all.push(("help".to_owned(), "Tell about a command".to_owned()));
    }
    all.retain(|(name, _)| name.starts_with(last));
    all.sort_unstable();
    (all, Then::NoFiles)
}

/// What the engine or the client's files know.
async fn from_session<S: Sys + Trace>(
    sys: &S,
    before: &[String],
    env: BTreeMap<String, String>,
    line: &Line<'_>,
    words: Words,
) -> Result<Answer> {
    // `-c` without its value cannot be read, but it is the value that is asked for then.
    let globals = flags::parse(&DOCKER.all_flags(), before, false).unwrap_or_default();
    let with_ids = env.get("DOCKER_COMPLETION_SHOW_CONTAINER_IDS");
    let with_ids = with_ids.is_some_and(|value| value == "yes");
    let choice = Choice::new(&globals, &env)?;
    let mut session = Session::open_client(sys.clone(), env, choice, false).await?;
    if let Words::Contexts | Words::ContextNames = words {
        let described = words == Words::Contexts;
        return Ok((
            context_names(&session, &line.args, described).await?,
            Then::NoFiles,
        ));
    }
    session.reach(contexts::address(&session).await?)?;
    let containers = async |state| container_names(&session, state, with_ids).await;
    Ok(match words {
        Words::Images => (plain(image_names(&session).await?), Then::NoFiles),
        Words::Networks => {
            let networks: Vec<Network> = session.document(Call::get("/networks")).await?;
            (
                plain(networks.iter().map(|network| &network.name)),
                Then::NoFiles,
            )
        }
        Words::Links => {
            let names = containers(State::Any).await?;
            (
                plain(names.iter().map(|name| format!("{name}:"))),
                Then::NoSpace,
            )
        }
        Words::Namespace(_) => {
            let names = containers(State::Any).await?;
            (
                plain(names.iter().map(|name| format!("container:{name}"))),
                Then::NoFiles,
            )
        }
        Words::Containers(state) => (plain(containers(state).await?), Then::NoFiles),
        _ => (Vec::new(), Then::NoFiles),
    })
}

async fn container_names<S: Sys + Trace>(
    session: &Session<S>,
    state: State,
    with_ids: bool,
) -> Result<Vec<String>> {
    let all = !matches!(state, State::Alive | State::Running | State::Paused);
    let call = Call::get("/containers/json").with_if(all, "all", "1");
    let found: Option<Vec<Summary>> = session.document(call).await?;
    let fits = |container: &&Summary| match state {
        State::Any | State::Alive => true,
        State::Running => container.state == "running",
        State::Paused => container.state == "paused",
        State::Ended => ["created", "exited", "dead"].contains(&container.state.as_str()),
    };
    let mut names = Vec::new();
    for container in found.iter().flatten().filter(fits) {
        names.extend(with_ids.then(|| container.id.clone()));
        let own = container.names.iter().flatten();
        // Names with a further slash are those of links.
        let own = own.map(|name| name.trim_start_matches('/').to_owned());
        names.extend(own.filter(|name| !name.contains('/')));
    }
    Ok(names)
}

async fn image_names<S: Sys + Trace>(session: &Session<S>) -> Result<Vec<String>> {
    let found: Option<Vec<Image>> = session.document(Call::get("/images/json")).await?;
    let tags = found.into_iter().flatten();
    Ok(tags
        .flat_map(|image| image.repo_tags.unwrap_or_default())
        .collect())
}

async fn context_names<S: Sys + Trace>(
    session: &Session<S>,
    given: &[&str],
    described: bool,
) -> Result<Candidates> {
    let found = store::list(session).await?;
    let mut names: Vec<String> = found.into_iter().map(|meta| meta.name).collect();
    names.push(DEFAULT.to_owned());
    names.sort_unstable();
    let about = |name: &str| match name == session.context() && described {
        true => "current".to_owned(),
        false => String::new(),
    };
    names.retain(|name| !described || !given.contains(&name.as_str()));
    Ok(names
        .into_iter()
        .map(|name| (name.clone(), about(&name)))
        .collect())
}
