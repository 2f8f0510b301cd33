//! Addresses of engines as people write them, and which of them can be reached.

use glassdock_http::client::Address;

/// Where the engine listens unless told otherwise.
pub const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// What `--host` and `DOCKER_HOST` mean (docker/cli `opts.ParseHost`).
///
/// # Errors
/// The real command's words for what is no address.
pub fn parse(given: &str) -> Result<String, String> {
    let given = given.trim();
    match given.split_once("://") {
        _ if given.is_empty() => Ok(DEFAULT_HOST.to_owned()),
        Some(("unix", "")) => Ok(DEFAULT_HOST.to_owned()),
        Some(("tcp", rest)) => Ok(tcp(rest)),
        Some(("unix" | "fd" | "ssh" | "npipe", _)) => Ok(given.to_owned()),
        Some(_) => Err(format!("invalid bind address format: {given}")),
        None => Ok(tcp(given)),
    }
}

/// A TCP address with what was left out: this machine, port 2375.
fn tcp(rest: &str) -> String {
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = match address.rsplit_once(':') {
        // The colons of an IPv6 address are not a port's.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (address, ""),
    };
    let host = if host.is_empty() { "localhost" } else { host };
    let port = if port.is_empty() { "2375" } else { port };
    format!("tcp://{host}:{port}{path}")
}

/// Checks what a context is to lead to. The real client can go to places that this one cannot, so they may be noted.
///
/// # Errors
/// The real command's words for what neither can.
pub fn check(host: &str) -> Result<(), String> {
    match host.split_once("://") {
        _ if host.is_empty() => Ok(()),
        Some(("npipe", _)) => Err("protocol not available".to_owned()),
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => Ok(()),
        _ => Err(format!("unable to parse docker host `{host}`")),
    }
}

/// Where an address leads.
///
/// # Errors
/// It is no address, or one that this client cannot reach.
pub fn address(host: &str) -> Result<Address, String> {
    check(host)?;
    match host.split_once("://") {
        Some(("unix", path)) => Ok(Address::Unix(path.into())),
        Some(("tcp", rest)) => {
            let numeric = rest.replacen("localhost:", "127.0.0.1:", 1).parse();
            numeric.map(Address::Tcp).map_err(|_| {
                format!(
                    "{host}: names are not looked up by this client yet; use tcp://A.B.C.D:PORT"
                )
            })
        }
        Some((scheme @ ("ssh" | "http" | "https"), _)) => Err(format!(
            "{scheme}:// addresses are not supported by this client yet; use unix://PATH or tcp://A.B.C.D:PORT"
        )),
        _ => Err(format!("unable to parse docker host `{host}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_mean_what_they_mean_to_docker_28_2_2() {
        for (given, means) in [
            ("", DEFAULT_HOST),
            (" ", DEFAULT_HOST),
            ("unix://", DEFAULT_HOST),
            ("unix:///x", "unix:///x"),
            ("tcp://", "tcp://localhost:2375"),
            ("tcp://:", "tcp://localhost:2375"),
            ("tcp://a", "tcp://a:2375"),
            ("tcp://a:1/p", "tcp://a:1/p"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("foo", "tcp://foo:2375"),
            ("foo:1/p", "tcp://foo:1/p"),
            (":5", "tcp://localhost:5"),
            ("fd://", "fd://"),
            ("ssh://u:p@h", "ssh://u:p@h"),
            ("npipe:////./pipe/x", "npipe:////./pipe/x"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(means), "{given}");
        }
        for bad in ["http://x", "https://y", "bad://x", "://x", "x://"] {
            let why = format!("invalid bind address format: {bad}");
            assert_eq!(parse(bad), Err(why));
        }
    }

    #[test]
    fn sockets_and_numeric_addresses_are_reached_and_others_are_refused_by_name() {
        let path = |path: &str| Ok(Address::Unix(path.into()));
        assert_eq!(address("unix:///x y"), path("/x y"));
        let tcp = |text: &str| text.parse().map(Address::Tcp).map_err(|_| String::new());
        assert_eq!(address("tcp://1.2.3.4:5"), tcp("1.2.3.4:5"));
        assert_eq!(address("tcp://localhost:5"), tcp("127.0.0.1:5"));
        for (host, why) in [
            ("ssh://me@host", "ssh:// addresses are not supported"),
            ("tcp://here:5", "tcp://here:5: names are not looked up"),
            (
                "tcp://1.2.3.4:5/p",
                "tcp://1.2.3.4:5/p: names are not looked up",
            ),
            ("tcp://[::1]:5", "tcp://[::1]:5: names are not looked up"),
            ("https://x", "https:// addresses are not supported"),
            ("npipe://x", "protocol not available"),
            ("zzz://x", "unable to parse docker host `zzz://x`"),
            ("unix://", "unable to parse docker host `unix://`"),
            ("nonsense", "unable to parse docker host `nonsense`"),
        ] {
            assert!(address(host).unwrap_err().starts_with(why), "{host}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_address_is_read_or_refused(given in ".*") {
            let given: String = given;
            if let Ok(host) = parse(&given) {
                let _ = address(&host);
            }
        }
    }
}
