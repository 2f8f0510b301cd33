//! Checks of single flag values, in the real command's words (docker/cli `opts/`).

use crate::text::quote;
use crate::units::ram_in_bytes;
use glassdock_abi::types::resource;
use std::net::IpAddr;

/// `-e NAME=value` or `-e NAME`.
pub fn env(value: &str) -> Result<String, String> {
    match value.split('=').next() {
        Some("") | None => Err(format!("invalid environment variable: {value}")),
        Some(_) => Ok(value.to_owned()),
    }
}

/// `--label key=value`.
pub fn label(value: &str) -> Result<String, String> {
    let key = value
        .split('=')
        .next()
        .unwrap_or_default()
        .trim_start_matches([' ', '\t']);
    if key.is_empty() {
        return Err(format!("invalid label '{value}': empty name"));
    }
    if key.contains([' ', '\t']) {
        return Err(format!("label '{key}' contains whitespaces"));
    }
    Ok(value.to_owned())
}

/// `--filter name=value`.
pub fn filter(value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let Some((name, value)) = value.split_once('=') else {
        return Err("bad format of filter (expected name=value)".to_owned());
    };
    Ok(format!("{}={}", name.trim().to_lowercase(), value.trim()))
}

/// `--attach stdin`.
pub fn attach(value: &str) -> Result<String, String> {
    let stream = value.to_lowercase();
    match stream.as_str() {
        "stdin" | "stdout" | "stderr" => Ok(stream),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

/// `--dns 8.8.8.8`.
pub fn ip_address(value: &str) -> Result<String, String> {
    let parsed = value.trim().parse::<IpAddr>();
    let wrong = |_| format!("IP address is not correctly formatted: {value}");
    parsed.map(|address| address.to_string()).map_err(wrong)
}

/// `--add-host name:ip`.
pub fn extra_host(value: &str) -> Result<String, String> {
    let bad = || format!("bad format for add-host: {}", quote(value));
    let (name, address) = value
        .split_once('=')
        .or_else(|| value.split_once(':'))
        .ok_or_else(bad)?;
    if name.is_empty() || name.contains(':') {
        return Err(bad());
    }
    let bare = address
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'));
    let address = bare.filter(|inner| !inner.is_empty()).unwrap_or(address);
    if address != "host-gateway" && ip_address(address).is_err() {
        return Err(format!(
            "invalid IP address in add-host: {}",
            quote(address)
        ));
    }
    Ok(format!("{name}:{address}"))
}

/// `--link name:alias`.
pub fn link(value: &str) -> Result<String, String> {
    match value.split(':').count() {
        _ if value.is_empty() => Err("empty string specified for links".to_owned()),
        1 | 2 => Ok(value.to_owned()),
        _ => Err(format!("bad format for links: {value}")),
    }
}

/// `--memory 64m`: bytes.
pub fn bytes(value: &str) -> Result<String, String> {
    ram_in_bytes(value).map(|bytes| bytes.to_string())
}

/// `--memory-swap 64m` or `-1`.
pub fn memory_swap(value: &str) -> Result<String, String> {
    match value {
        "-1" => Ok(value.to_owned()),
        _ => bytes(value),
    }
}

/// `--cpus 1.5`: billionths.
pub fn cpus(value: &str) -> Result<String, String> {
    let wrong = || format!("failed to parse {value} as a rational number");
    let (sign, number) = match value.strip_prefix('-') {
        Some(number) => (-1, number),
        None => (1, value.strip_prefix('+').unwrap_or(value)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(number, "" | ".") || !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err("value is too precise".to_owned());
    }
    let nanos = format!("{whole}{fraction:0<9}");
    let nanos: i64 = nanos.parse().map_err(|_| wrong())?;
    Ok((sign * nanos).to_string())
}

/// `--sysctl net.ipv4.ip_forward=1`.
pub fn sysctl(value: &str) -> Result<String, String> {
    const KERNEL: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let name = value.split_once('=').map_or("", |(name, _)| name);
    match KERNEL.contains(&name) || name.starts_with("net.") || name.starts_with("fs.mqueue.") {
        true => Ok(value.to_owned()),
        false => Err(format!("sysctl '{value}' is not allowed")),
    }
}

/// `--ulimit nofile=1024:2048`.
pub fn ulimit(value: &str) -> Result<String, String> {
    let Some((name, limits)) = value.split_once('=') else {
        return Err(format!("invalid ulimit argument: {value}"));
    };
    // The address space is the one that Docker leaves out (go-units, `ulimit.go`).
    if name == "as" || resource::from_ulimit(name).is_none() {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let number = |text: &str| {
        text.parse::<i64>()
            .map_err(|_| format!("strconv.ParseInt: parsing {}: invalid syntax", quote(text)))
    };
    let parts: Vec<_> = limits.split(':').collect();
    let (soft, hard) = match parts.as_slice() {
        [soft] => (number(soft)?, number(soft)?),
        [soft, hard] => {
            let hard = number(hard)?;
            (number(soft)?, hard)
        }
        _ => {
            return Err(format!(
                "too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"
            ));
        }
    };
    let below = "ulimit soft limit must be less than or equal to hard limit";
    if hard != -1 && soft == -1 {
        return Err(format!("{below}: soft: -1 (unlimited), hard: {hard}"));
    }
    if hard != -1 && soft > hard {
        return Err(format!("{below}: {soft} > {hard}"));
    }
    Ok(format!("{name}={soft}:{hard}"))
}

/// `--device-cgroup-rule 'c 1:3 rwm'`.
pub fn device_cgroup_rule(value: &str) -> Result<String, String> {
    let words: Vec<_> = value.split(' ').collect();
    let number = |text: &str| {
        text == "*" || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let fits = match words.as_slice() {
        [kind, numbers, access] => {
            let numbers = numbers
                .split_once(':')
                .is_some_and(|(major, minor)| number(major) && number(minor));
            ["a", "b", "c"].contains(kind)
                && numbers
                && (1..=3).contains(&access.len())
                && access.chars().all(|c| "rwm".contains(c))
        }
        _ => false,
    };
    match fits {
        true => Ok(value.to_owned()),
        false => Err(format!("invalid device cgroup format '{value}'")),
    }
}

fn device(value: &str) -> Result<(&str, &str), String> {
    let (path, rest) = value.split_once(':').unwrap_or(("", ""));
    if path.is_empty() {
        return Err(format!("bad format: {value}"));
    }
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {value}"));
    }
    Ok((path, rest))
}

/// `--device-read-bps /dev/sda:1mb`.
pub fn throttle_bytes(value: &str) -> Result<String, String> {
    let (path, rate) = device(value)?;
    let wrong = |_| {
        format!(
            "invalid rate for device: {value}. The correct format is <device-path>:<number>[<unit>]. Number must be a \
             positive integer. Unit is optional and can be kb, mb, or gb"
        )
    };
    ram_in_bytes(rate)
        .map(|rate| format!("{path}:{rate}"))
        .map_err(wrong)
}

/// `--device-read-iops /dev/sda:100`.
pub fn throttle_operations(value: &str) -> Result<String, String> {
    let (path, rate) = device(value)?;
    let wrong = |_| {
        format!(
            "invalid rate for device: {value}. The correct format is <device-path>:<number>. Number must be a positive \
             integer"
        )
    };
    rate.parse::<u64>()
        .map(|rate| format!("{path}:{rate}"))
        .map_err(wrong)
}

/// `--blkio-weight-device /dev/sda:100`.
pub fn weight_device(value: &str) -> Result<String, String> {
    let (_, weight) = device(value)?;
    match weight.parse::<u16>() {
        Ok(0 | 10..=1000) => Ok(value.to_owned()),
        _ => Err(format!("invalid weight for device: {value}")),
    }
}

/// `--mount type=bind,src=/a,dst=/b`.
pub fn mount(value: &str) -> Result<String, String> {
    super::mounts::parse(value).map(|_| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Check;

    #[test]
    fn values_are_taken_or_refused_in_the_real_command_s_words() {
        let cases: [(Check, &str, Result<&str, &str>); 29] = [
            (env, "A=1", Ok("A=1")),
            (env, "=1", Err("invalid environment variable: =1")),
            (label, "a=b c", Ok("a=b c")),
            (label, "=x", Err("invalid label '=x': empty name")),
            (label, "a b=c", Err("label 'a b' contains whitespaces")),
            (filter, "Status=exited", Ok("status=exited")),
            (
                filter,
                "x",
                Err("bad format of filter (expected name=value)"),
            ),
            (attach, "STDIN", Ok("stdin")),
            (
                attach,
                "x",
                Err("valid streams are STDIN, STDOUT and STDERR"),
            ),
            (ip_address, " ::1 ", Ok("::1")),
            (
                ip_address,
                "1.2.3",
                Err("IP address is not correctly formatted: 1.2.3"),
            ),
            (extra_host, "a=[::1]", Ok("a:::1")),
            (extra_host, "a:host-gateway", Ok("a:host-gateway")),
            (extra_host, "a", Err("bad format for add-host: \"a\"")),
            (
                extra_host,
                "a:b",
                Err("invalid IP address in add-host: \"b\""),
            ),
            (cpus, "1.5", Ok("1500000000")),
            (cpus, ".25", Ok("250000000")),
            (cpus, "-1.5", Ok("-1500000000")),
            (cpus, "+2.", Ok("2000000000")),
            (
                cpus,
                "9223372036.9",
                Err("failed to parse 9223372036.9 as a rational number"),
            ),
            (cpus, "x", Err("failed to parse x as a rational number")),
            (cpus, "0.0000000001", Err("value is too precise")),
            (sysctl, "net.ipv4.ip_forward=1", Ok("net.ipv4.ip_forward=1")),
            (
                sysctl,
                "vm.swappiness=1",
                Err("sysctl 'vm.swappiness=1' is not allowed"),
            ),
            (ulimit, "nofile=5:6", Ok("nofile=5:6")),
            (
                ulimit,
                "nofile=6:5",
                Err("ulimit soft limit must be less than or equal to hard limit: 6 > 5"),
            ),
            (device_cgroup_rule, "c 1:* rwm", Ok("c 1:* rwm")),
            (
                device_cgroup_rule,
                "d 1:1 r",
                Err("invalid device cgroup format 'd 1:1 r'"),
            ),
            (throttle_bytes, "/dev/sda:1mb", Ok("/dev/sda:1048576")),
        ];
        for (check, value, want) in cases {
            assert_eq!(
                check(value),
                want.map(str::to_owned).map_err(str::to_owned),
                "{value}"
            );
        }
    }
}
