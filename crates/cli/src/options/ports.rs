//! Published and exposed ports (`github.com/docker/go-connections/nat`).

use glassdock_api::Empty;
use glassdock_api::network::{PortBinding, PortMap};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Ports as `--publish` and `--expose` ask for them.
#[derive(Default, Debug, PartialEq)]
pub struct Ports {
    /// What is exposed.
    pub exposed: BTreeMap<String, Empty>,
    /// Where it is published.
    pub bindings: PortMap,
}

/// Reads all `--publish` and `--expose`.
pub fn parse(publish: &[String], expose: &[String]) -> Result<Ports, String> {
    let mut ports = Ports::default();
    for text in publish {
        for (port, binding) in published(&standard(text)?)? {
            ports.exposed.insert(port.clone(), Empty {});
            ports
                .bindings
                .entry(port)
                .or_default()
                .get_or_insert_default()
                .push(binding);
        }
    }
    for text in expose {
        if text.contains(':') {
            return Err(format!("invalid port format for --expose: {text}"));
        }
        let (protocol, port) = protocol(text);
        let wrong =
            |error: String| format!("invalid range format for --expose: {text}, error: {error}");
        let (start, end) = range(port).map_err(wrong)?;
        for port in start..=end {
            ports.exposed.insert(format!("{port}/{protocol}"), Empty {});
        }
    }
    Ok(ports)
}

/// `published=80,target=80` in the common form.
fn standard(text: &str) -> Result<String, String> {
    if !text.contains('=') {
        return Ok(text.to_owned());
    }
    let mut fields = BTreeMap::from([("protocol", "tcp")]);
    for field in text.split(',') {
        match field.split_once('=') {
            Some((name, value)) if !name.is_empty() => fields.insert(name, value),
            _ => {
                return Err(format!(
                    "invalid publish opts format (should be name=value but got '{field}')"
                ));
            }
        };
    }
    let field = |name| fields.get(name).copied().unwrap_or_default();
    Ok(format!(
        "{}:{}/{}",
        field("published"),
        field("target"),
        field("protocol")
    ))
}

/// `[[ip:]host:]container[/protocol]`, ranges taken apart.
fn published(text: &str) -> Result<Vec<(String, PortBinding)>, String> {
    let parts: Vec<_> = text.split(':').collect();
    let (ip, host, container) = match parts.as_slice() {
        [container] => (String::new(), "", *container),
        [host, container] => (String::new(), *host, *container),
        [ip @ .., host, container] => (ip.join(":"), *host, *container),
        [] => (String::new(), "", ""),
    };
    let (protocol, container) = protocol(container);
    let ip = ip
        .strip_prefix('[')
        .and_then(|ip| ip.strip_suffix(']'))
        .unwrap_or(&ip)
        .to_owned();
    if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address: {ip}"));
    }
    if container.is_empty() {
        return Err(format!("no port specified: {text}<empty>"));
    }
    let (start, end) =
        range(container).map_err(|_| format!("invalid containerPort: {container}"))?;
    let host_range = match host {
        "" => None,
        host => Some(range(host).map_err(|_| format!("invalid hostPort: {host}"))?),
    };
    if let Some((first, last)) = host_range
        && end - start != last - first
        && end != start
    {
        return Err(format!(
            "invalid ranges specified for container and host Ports: {container} and {host}"
        ));
    }
    let protocol = protocol.to_lowercase();
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(format!("invalid proto: {protocol}"));
    }
    let binding = |n: u32| PortBinding {
        host_ip: ip.clone(),
        host_port: match host_range {
            None => String::new(),
            Some((first, last)) if start == end && first != last => format!("{first}-{last}"),
            Some((first, _)) => (u32::from(first) + n).to_string(),
        },
    };
    Ok((start..=end)
        .map(|port| {
            (
                format!("{port}/{protocol}"),
                binding(u32::from(port - start)),
            )
        })
        .collect())
}

fn protocol(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((port, protocol)) if !protocol.is_empty() => {
            (protocol.split('/').next().unwrap_or_default(), port)
        }
        Some((port, _)) => ("tcp", port),
        None => ("tcp", text),
    }
}

fn range(text: &str) -> Result<(u16, u16), String> {
    if text.is_empty() {
        return Err("empty string specified for ports".to_owned());
    }
    let port = |text: &str| {
        let why = match text.parse::<u64>() {
            Ok(_) => "value out of range",
            Err(_) => "invalid syntax",
        };
        text.parse::<u16>().map_err(|_| {
            format!(
                "strconv.ParseUint: parsing {}: {why}",
                crate::text::quote(text)
            )
        })
    };
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (port(start)?, port(end)?);
    match end < start {
        true => Err(format!("invalid range specified for port: {text}")),
        false => Ok((start, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(publish: &str) -> Result<Vec<String>, String> {
        let ports = parse(&[publish.to_owned()], &[])?;
        let flat = ports.bindings.iter().flat_map(|(port, bindings)| {
            let bindings = bindings.iter().flatten();
            bindings
                .map(move |binding| format!("{}|{}->{port}", binding.host_ip, binding.host_port))
        });
        Ok(flat.collect())
    }

    #[test]
    fn ports_are_published_as_asked() {
        for (publish, want) in [
            ("80", vec!["|->80/tcp"]),
            ("8080:80", vec!["|8080->80/tcp"]),
            ("127.0.0.1:8080:80/udp", vec!["127.0.0.1|8080->80/udp"]),
            ("[::1]:8080:80", vec!["::1|8080->80/tcp"]),
            ("127.0.0.1::80", vec!["127.0.0.1|->80/tcp"]),
            ("8080-8081:80-81", vec!["|8080->80/tcp", "|8081->81/tcp"]),
            ("8080-8090:80", vec!["|8080-8090->80/tcp"]),
            ("published=1,target=2,protocol=udp", vec!["|1->2/udp"]),
        ] {
            assert_eq!(bindings(publish).unwrap(), want, "{publish}");
        }
    }

    #[test]
    fn wrong_ports_are_refused() {
        for (publish, error) in [
            ("x", "invalid containerPort: x"),
            ("x:80", "invalid hostPort: x"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("80:", "no port specified: 80:<empty>"),
            (
                "1-2:80-90",
                "invalid ranges specified for container and host Ports: 80-90 and 1-2",
            ),
            ("80/x", "invalid proto: x"),
            ("99999", "invalid containerPort: 99999"),
        ] {
            assert_eq!(bindings(publish).unwrap_err(), error, "{publish}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(publish in "[-0-9:/.\\[\\]a-z=,]{0,20}") {
            let _ = bindings(&publish);
        }
    }
}
