//! `--network` with what belongs to it (docker/cli `opts/network.go`).

use crate::flags::Parsed;
use glassdock_api::network::{EndpointIpamConfig, EndpointSettings};
use std::collections::BTreeMap;

/// The network mode, and the container's place in each network.
pub struct Networks {
    pub mode: String,
    pub endpoints: BTreeMap<String, EndpointSettings>,
}

#[derive(Default)]
struct Attachment {
    target: String,
    settings: EndpointSettings,
}

/// Whether a network is one that somebody made.
fn user_defined(name: &str) -> bool {
    !matches!(name, "" | "default" | "bridge" | "host" | "none") && !name.starts_with("container:")
}

/// Reads `--network`, `--network-alias`, `--link`, `--ip`, `--ip6`, `--mac-address`, `--link-local-ip`.
pub fn parse(flags: &Parsed) -> Result<Networks, String> {
    let values = flags.list("network");
    let mut attachments = values
        .iter()
        .map(|value| attachment(value))
        .collect::<Result<Vec<_>, _>>()?;
    let given = attachments.len();
    if attachments.is_empty() {
        attachments.push(Attachment {
            target: "default".into(),
            ..Attachment::default()
        });
    }
    let mode = attachments[0].target.clone();
    apply(&mut attachments[0], flags)?;
    let mut endpoints = BTreeMap::new();
    let (mut own, mut others) = (false, false);
    for Attachment { target, settings } in attachments {
        check(&target, &settings)?;
        own |= user_defined(&target);
        others |= !user_defined(&target);
        if endpoints.contains_key(&target) {
            return Err(format!(
                "network {} is specified multiple times",
                crate::text::quote(&target)
            ));
        }
        if given != 1 || settings != EndpointSettings::default() {
            endpoints.insert(target, settings);
        }
    }
    if own && others {
        return Err("conflicting options: cannot attach both user-defined and non-user-defined network-modes".into());
    }
    Ok(Networks { mode, endpoints })
}

fn check(target: &str, settings: &EndpointSettings) -> Result<(), String> {
    if target.trim().is_empty() {
        return Err("no name set for network".into());
    }
    let none = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    if !user_defined(target) && !none(&settings.aliases) {
        return Err("network-scoped aliases are only supported for user-defined networks".into());
    }
    if !user_defined(target) && !none(&settings.links) {
        return Err("links are only supported for user-defined networks".into());
    }
    match settings.mac_address.is_empty() || mac_address(&settings.mac_address) {
        true => Ok(()),
        false => Err(format!(
            "{} is not a valid mac address",
            settings.mac_address
        )),
    }
}

/// Six, eight or twenty bytes in hexadecimal (`net.ParseMAC`).
pub fn mac_address(text: &str) -> bool {
    let separator = if text.contains('-') { '-' } else { ':' };
    let bytes: Vec<_> = text.trim().split(separator).collect();
    [6, 8, 20].contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn attachment(value: &str) -> Result<Attachment, String> {
    let mut attachment = Attachment::default();
    if !value.contains('=') {
        attachment.target = value.to_owned();
        return Ok(attachment);
    }
    let settings = &mut attachment.settings;
    for field in value.split(',') {
        let Some((key, value)) = field.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(format!("invalid field {field}"));
        };
        let value = value.trim().to_owned();
        match key.trim().to_lowercase().as_str() {
            "name" => attachment.target = value,
            "alias" => settings.aliases.get_or_insert_default().push(value),
            "ip" => settings.ipam_config.get_or_insert_default().ipv4_address = value,
            "ip6" => settings.ipam_config.get_or_insert_default().ipv6_address = value,
            "mac-address" => settings.mac_address = value,
            "link-local-ip" => {
                let config = settings.ipam_config.get_or_insert_default();
                config.link_local_ips.get_or_insert_default().push(value);
            }
            "driver-opt" => {
                let value = value.to_lowercase();
                let pair = value.split_once('=').filter(|(key, _)| !key.is_empty());
                let (key, value) = pair.ok_or("invalid key value pair format in driver options")?;
                let options = settings.driver_opts.get_or_insert_default();
                options.insert(key.trim().to_owned(), value.trim().to_owned());
            }
            "gw-priority" => {
                let wrong = |_| format!("invalid gw-priority ({value}): invalid syntax");
                settings.gw_priority = value.parse().map_err(wrong)?;
            }
            key => return Err(format!("invalid field key {key}")),
        }
    }
    match attachment.target.is_empty() {
        true => Err("network name/id is not specified".into()),
        false => Ok(attachment),
    }
}

/// The older flags go to the first network.
fn apply(first: &mut Attachment, flags: &Parsed) -> Result<(), String> {
    let settings = &mut first.settings;
    let both = |flag: &str, per: &str| {
        Err(format!(
            "conflicting options: cannot specify both --{flag} and per-network {per}"
        ))
    };
    let config = settings.ipam_config.clone().unwrap_or_default();
    match () {
        () if settings.aliases.is_some() && flags.changed("network-alias") => {
            return both("network-alias", "alias");
        }
        () if settings.links.is_some() && flags.changed("link") => return both("link", "links"),
        () if !config.ipv4_address.is_empty() && flags.changed("ip") => {
            return both("ip", "IPv4 address");
        }
        () if !config.ipv6_address.is_empty() && flags.changed("ip6") => {
            return both("ip6", "IPv6 address");
        }
        () if !settings.mac_address.is_empty() && flags.changed("mac-address") => {
            return both("mac-address", "MAC address");
        }
        () if config.link_local_ips.is_some() && flags.changed("link-local-ip") => {
            return both("link-local-ip", "link-local IP addresses");
        }
        () => {}
    }
    if flags.changed("network-alias") {
        settings.aliases = Some(flags.list("network-alias").to_vec());
    }
    if flags.changed("link") && user_defined(&first.target) {
        settings.links = Some(flags.list("link").to_vec());
    }
    if !flags.text("mac-address").is_empty() {
        settings.mac_address = flags.text("mac-address").to_owned();
    }
    let mut config = config;
    for (flag, field) in [
        ("ip", &mut config.ipv4_address),
        ("ip6", &mut config.ipv6_address),
    ] {
        if !flags.text(flag).is_empty() {
            *field = flags.text(flag).to_owned();
        }
    }
    if flags.changed("link-local-ip") {
        config.link_local_ips = Some(flags.list("link-local-ip").to_vec());
    }
    if config != EndpointIpamConfig::default() {
        settings.ipam_config = Some(config);
    }
    Ok(())
}
