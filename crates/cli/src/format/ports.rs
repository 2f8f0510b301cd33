//! Ports in a list.

use glassdock_api::container::Port;

/// Ports as `docker ps` shows them: neighbours of a kind together, those published elsewhere last.
pub fn display_ports(ports: &[Port]) -> String {
    let mut ports = ports.to_vec();
    ports.sort_by(|a, b| {
        let key = |port: &Port| {
            (
                port.private_port,
                port.ip.clone(),
                port.public_port,
                port.kind.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let mut groups: Vec<(String, u16, u16)> = Vec::new();
    let (mut closed, mut mapped) = (Vec::new(), Vec::new());
    for port in &ports {
        let current = port.private_port;
        if !port.ip.is_empty() && port.public_port != current {
            mapped.push(format!(
                "{}->{current}/{}",
                join_host_port(&port.ip, &port.public_port.to_string()),
                port.kind
            ));
            continue;
        }
        let key = match port.ip.is_empty() {
            true => port.kind.clone(),
            false => format!("{}/{}", port.ip, port.kind),
        };
        match groups.iter_mut().find(|(known, ..)| *known == key) {
            None => groups.push((key, current, current)),
            Some((_, _, last)) if u32::from(current) == u32::from(*last) + 1 => *last = current,
            Some((_, first, last)) => {
                closed.push(group(&key, *first, *last));
                (*first, *last) = (current, current);
            }
        }
    }
    let open = groups
        .iter()
        .map(|(key, first, last)| group(key, *first, *last));
    closed
        .into_iter()
        .chain(open)
        .chain(mapped)
        .collect::<Vec<_>>()
        .join(", ")
}

fn group(key: &str, first: u16, last: u16) -> String {
    let range = if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    };
    match key.rsplit_once('/') {
        Some((ip, kind)) => format!("{}->{range}/{kind}", join_host_port(ip, &range)),
        None => format!("{range}/{key}"),
    }
}

/// `net.JoinHostPort`
pub fn join_host_port(host: &str, port: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, private: u16, public: u16, kind: &str) -> Port {
        Port {
            ip: ip.into(),
            private_port: private,
            public_port: public,
            kind: kind.into(),
        }
    }

    #[test]
    fn neighbours_are_put_together() {
        for (ports, shown) in [
            (vec![], ""),
            (vec![port("", 80, 0, "tcp")], "80/tcp"),
            (vec![port("0.0.0.0", 80, 80, "tcp")], "0.0.0.0:80->80/tcp"),
            (
                vec![
                    port("0.0.0.0", 80, 8080, "tcp"),
                    port("::", 80, 8080, "tcp"),
                ],
                "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
            ),
            (
                vec![
                    port("", 81, 0, "tcp"),
                    port("", 80, 0, "tcp"),
                    port("", 90, 0, "tcp"),
                ],
                "80-81/tcp, 90/tcp",
            ),
            (
                vec![port("1.1.1.1", 1, 1, "udp"), port("1.1.1.1", 2, 2, "udp")],
                "1.1.1.1:1-2->1-2/udp",
            ),
        ] {
            assert_eq!(display_ports(&ports), shown);
        }
    }
}
