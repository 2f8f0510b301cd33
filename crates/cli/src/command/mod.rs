//! What each command does.

mod attach;
mod containers;
mod context;
mod create;
mod images;
mod inspect;
mod limits;
mod lists;
mod output;
mod run;
mod signals;
mod system;

#[cfg(feature = "completion")]
pub use inspect::TYPES;

use crate::commands::Action;
use crate::error::Result;
use crate::flags::Parsed;
use crate::session::Session;
use glassdock_abi::Sys;
use glassdock_trace::Trace;

/// What this build calls itself where the real command tells a revision.
pub const BUILD: &str = concat!("glassdock-", env!("CARGO_PKG_VERSION"));

/// Runs a command. `called_as` is the name by which it was called.
pub async fn run<S: Sys + Trace>(
    session: &Session<S>,
    action: Action,
    flags: &Parsed,
    called_as: &str,
) -> Result<()> {
    match action {
        Action::Attach => attach::attach(session, flags).await,
        Action::Commit => images::commit(session, flags).await,
        #[cfg(feature = "completion")]
        Action::Completion => crate::complete::script(session, flags).await,
        Action::ContextCreate => context::create(session, flags).await,
        Action::ContextExport => context::export(session, flags).await,
        Action::ContextImport => context::import(session, flags).await,
        Action::ContextInspect => inspect::contexts(session, flags).await,
        Action::ContextLs => context::list(session, flags).await,
        Action::ContextRm => context::remove(session, flags).await,
        Action::ContextShow => context::show(session).await,
        Action::ContextUpdate => context::update(session, flags).await,
        Action::ContextUse => context::choose(session, flags).await,
        Action::Create => create::create(session, flags).await,
        Action::Diff => output::diff(session, flags).await,
        Action::Events => system::events(session, flags).await,
        Action::Exec => attach::exec(session, flags).await,
        Action::Export => images::export(session, flags).await,
        Action::History => lists::history(session, flags).await,
        Action::ImageInspect => inspect::images(session, flags).await,
        Action::ImagePrune => images::prune(session, flags).await,
        Action::Images => lists::images(session, flags, called_as).await,
        Action::Import => images::import(session, flags).await,
        Action::Info => system::info(session, flags).await,
        Action::Inspect => inspect::any(session, flags).await,
        Action::ContainerInspect => inspect::containers(session, flags).await,
        Action::Kill => containers::kill(session, flags).await,
        Action::Load => images::load(session, flags).await,
        Action::Logs => output::logs(session, flags).await,
        Action::Pause => containers::pause(session, flags, "pause").await,
        Action::Port => output::port(session, flags).await,
        Action::Prune => containers::prune(session, flags).await,
        Action::Ps => lists::containers(session, flags).await,
        Action::Pull => images::pull(session, flags).await,
        Action::Rename => containers::rename(session, flags).await,
        Action::Restart => containers::restart(session, flags).await,
        Action::Rm => containers::remove(session, flags).await,
        Action::Rmi => images::remove(session, flags).await,
        Action::Run => run::run(session, flags).await,
        Action::Save => images::save(session, flags).await,
        Action::Start => attach::start(session, flags).await,
        Action::Stats => limits::stats(session, flags).await,
        Action::Stop => containers::stop(session, flags).await,
        Action::Tag => images::tag(session, flags).await,
        Action::Top => output::top(session, flags).await,
        Action::Unpause => containers::pause(session, flags, "unpause").await,
        Action::Update => limits::update(session, flags).await,
        Action::Version => system::version(session, flags).await,
        Action::Wait => containers::wait(session, flags).await,
        Action::Group | Action::Unsupported => Ok(()),
    }
}
