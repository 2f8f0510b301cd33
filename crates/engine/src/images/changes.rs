//! A Dockerfile's instructions that change nothing but the configuration, as `docker import --change` takes them
//! (moby `builder/dockerfile/builder.go`, `BuildFromConfig`).

use crate::error::{ApiError, Result};
use glassdock_oci::image::{Empty, RunConfig};

/// Applies instructions to an empty configuration.
///
/// # Errors
/// 400 for an instruction that is unknown, not allowed here, or lacks its arguments.
pub(crate) fn apply(changes: &[String]) -> Result<RunConfig> {
    let mut config = RunConfig::default();
    for line in changes.iter().flat_map(|change| change.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            instruction(&mut config, line)?;
        }
    }
    Ok(config)
}

fn instruction(config: &mut RunConfig, line: &str) -> Result<()> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let (word, rest) = (word.to_uppercase(), rest.trim());
    let known = [
        "CMD",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "LABEL",
        "ONBUILD",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ];
    if !known.contains(&word.as_str()) {
        let refused = [
            "ADD",
            "ARG",
            "COPY",
            "FROM",
            "HEALTHCHECK",
            "MAINTAINER",
            "RUN",
            "SHELL",
        ];
        return Err(ApiError::invalid(match refused.contains(&word.as_str()) {
            true => format!("{word} is not a valid change command"),
            false => format!("dockerfile parse error on line 1: unknown instruction: {word}"),
        }));
    }
    if rest.is_empty() && !matches!(word.as_str(), "CMD" | "ENTRYPOINT") {
        return Err(ApiError::invalid(format!(
            "{word} requires at least one argument"
        )));
    }
    match word.as_str() {
        "CMD" => config.cmd = Some(command(rest)),
        "ENTRYPOINT" => config.entrypoint = Some(command(rest)),
        "ENV" => {
            let mut env = config.env.take().unwrap_or_default();
            let pairs: Vec<String> = pairs(rest)?
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            crate::spec::override_env(&mut env, &pairs);
            config.env = Some(env);
        }
        "LABEL" => config.labels.get_or_insert_default().extend(pairs(rest)?),
        "EXPOSE" => {
            for port in words(rest) {
                let port = if port.contains('/') {
                    port
                } else {
                    format!("{port}/tcp")
                };
                config
                    .exposed_ports
                    .get_or_insert_default()
                    .insert(port, Empty {});
            }
        }
        "VOLUME" => {
            let paths = json_words(rest).unwrap_or_else(|| words(rest));
            config
                .volumes
                .get_or_insert_default()
                .extend(paths.into_iter().map(|path| (path, Empty {})));
        }
        "ONBUILD" => config
            .on_build
            .get_or_insert_default()
            .push(rest.to_string()),
        "STOPSIGNAL" => {
            crate::signals::parse(rest)?;
            config.stop_signal = Some(rest.to_string());
        }
        "USER" => config.user = Some(rest.to_string()),
        _ => {
            let base = config.working_dir.take().unwrap_or_else(|| "/".to_string());
            let path = if rest.starts_with('/') {
                rest.to_string()
            } else {
                format!("{base}/{rest}")
            };
            config.working_dir = Some(crate::spec::mounts::clean(&path));
        }
    }
    Ok(())
}

/// The JSON form as it is, the shell form in a shell.
fn command(rest: &str) -> Vec<String> {
    json_words(rest)
        .unwrap_or_else(|| vec!["/bin/sh".to_string(), "-c".to_string(), rest.to_string()])
}

fn json_words(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

/// `NAME=value NAME=value`, or of the old form `NAME the rest`.
fn pairs(rest: &str) -> Result<Vec<(String, String)>> {
    let words = words(rest);
    if !words.first().is_some_and(|word| word.contains('=')) {
        return match rest.split_once(char::is_whitespace) {
            Some((name, value)) => Ok(vec![(name.to_string(), value.trim().to_string())]),
            None => Err(ApiError::invalid(format!(
                "ENV must have two arguments: {rest}"
            ))),
        };
    }
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err(ApiError::invalid(format!(
            "Syntax error - can't find = in {word:?}. Must be of the form: name=value"
        ))),
    };
    words.into_iter().map(pair).collect()
}

/// Words with quotes and backslashes worked out.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut open) = (None, false);
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char, quote) {
            ('\\', None | Some('"')) => {
                word.extend(chars.next());
                open = true;
            }
            ('"' | '\'', None) => (quote, open) = (Some(char), true),
            (char, Some(mark)) if char == mark => quote = None,
            (char, None) if char.is_whitespace() => {
                if core::mem::take(&mut open) {
                    words.push(core::mem::take(&mut word));
                }
            }
            (char, _) => {
                word.push(char);
                open = true;
            }
        }
    }
    words.extend(open.then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(changes: &[&str]) -> Result<RunConfig> {
        apply(
            &changes
                .iter()
                .map(|change| change.to_string())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn instructions_change_the_configuration() {
        let config = applied(&[
            "CMD [\"sh\", \"-c\", \"true\"]",
            "entrypoint echo hi",
            "ENV A=1 B='two words' C=\\\"",
            "ENV A three",
            "LABEL x=y",
            "EXPOSE 80 53/udp",
            "WORKDIR /a",
            "WORKDIR b/../c",
            "USER web",
            "STOPSIGNAL SIGINT",
            "VOLUME [\"/v\"]",
        ])
        .unwrap();
        assert_eq!(config.cmd.unwrap(), ["sh", "-c", "true"]);
        assert_eq!(config.entrypoint.unwrap(), ["/bin/sh", "-c", "echo hi"]);
        assert_eq!(config.env.unwrap(), ["A=three", "B=two words", "C=\""]);
        assert_eq!(
            config
                .exposed_ports
                .unwrap()
                .into_keys()
                .collect::<Vec<_>>(),
            ["53/udp", "80/tcp"]
        );
        assert_eq!(config.working_dir.unwrap(), "/a/c");
        assert_eq!(config.labels.unwrap()["x"], "y");
    }

    #[test]
    fn other_instructions_are_refused() {
        assert_eq!(
            applied(&["RUN ls"]).unwrap_err().message,
            "RUN is not a valid change command"
        );
        let unknown = "dockerfile parse error on line 1: unknown instruction: FOO";
        assert_eq!(applied(&["foo x"]).unwrap_err().message, unknown);
        assert!(applied(&["ENV A"]).is_err());
        assert!(applied(&["STOPSIGNAL NOPE"]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_changes_never_panic(text: String) {
            let _ = applied(&[&text, &format!("ENV {text}"), &format!("WORKDIR {text}")]);
        }
    }
}
