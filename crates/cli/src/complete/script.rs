//! `docker completion`: the scripts.

use super::SHELLS;
use crate::error::{Fail, Result};
use crate::flags::Parsed;
use crate::session::Session;
use glassdock_abi::Sys;
use glassdock_trace::Trace;

const BASH: &str = include_str!("../../../../packaging/completions/glassdock.bash");
const FISH: &str = include_str!("../../../../packaging/completions/glassdock.fish");
const ZSH: &str = include_str!("../../../../packaging/completions/_glassdock");

/// `docker completion`
///
/// # Errors
/// The shell has no script.
pub async fn script<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let shell = flags.args.first().map_or("", String::as_str);
    let script = match shell {
        "bash" => BASH,
        "fish" => FISH,
        "zsh" => ZSH,
        _ => {
            let shells = SHELLS.join(", ");
            let shell = crate::text::quote(shell);
            return Err(Fail::new(format!(
                "docker: there is no script for {shell}, only for {shells}"
            )));
        }
    };
    let script = match flags.bool("no-descriptions") {
        true => script.replace("__complete ", "__completeNoDesc "),
        false => script.to_owned(),
    };
    session.out(script).await
}
