//! `GET /containers/ID/top`: the processes of a container, out of the kernel's files (moby asks the host's `ps`).

use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use glassdock_abi::{Fd, Io, PathArg};
use glassdock_api::container::TopResponse;
use glassdock_image::fs;
use std::collections::BTreeSet;

/// Largest of the kernel's small files that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Ticks of `/proc/PID/stat` in a second.
const TICKS: u64 = 100;

impl<S: Kernel> Engine<S> {
    /// The processes of a container as `ps -ef` shows them.
    ///
    /// # Errors
    /// 404; 409 when it does not run; 501 for other columns.
    pub async fn top(&self, given: &str, ps_args: &str) -> Result<TopResponse> {
        if !matches!(ps_args.trim(), "" | "-ef" | "ef") {
            let why = "only the columns of -ef are supported by this engine yet";
            return Err(ApiError::not_implemented(format!("ps {ps_args}: {why}")));
        }
        let container = self.container(given)?;
        container.running_shim()?;
        let init = container.with(|inner| inner.record.state.pid);
        let namespace = self.pid_namespace(&init.to_string()).await;
        let proc = fs::open_dir(&self.sys, &"/proc".into()).await?;
        let mut pids: Vec<u32> = Vec::new();
        for (name, _) in fs::list(&self.sys, proc.fd()).await? {
            pids.extend(
                std::str::from_utf8(&name)
                    .ok()
                    .and_then(|name| name.parse::<u32>().ok()),
            );
        }
        pids.sort_unstable();
        let mut processes = Vec::new();
        for pid in pids.iter().map(u32::to_string) {
            if namespace.is_some() && self.pid_namespace(&pid).await == namespace {
                processes.extend(self.process_row(&pid).await);
            }
        }
        if container.with(|inner| inner.record.host.pid_mode == "host") {
            keep_family(&mut processes, &init.to_string());
        }
        let titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
        let titles = titles.iter().map(|title| title.to_string()).collect();
        Ok(TopResponse {
            processes: Some(processes),
            titles: Some(titles),
        })
    }

    async fn pid_namespace(&self, pid: &str) -> Option<Vec<u8>> {
        self.sys
            .readlinkat(Fd::CWD, PathArg::from(format!("/proc/{pid}/ns/pid")))
            .await
            .ok()
    }

    /// One line; nothing for a process that ended meanwhile.
    async fn process_row(&self, pid: &str) -> Option<Vec<String>> {
        let dir = PathArg::from(format!("/proc/{pid}"));
        let stat = fs::read_file(&self.sys, &dir.join("stat"), MAX_FILE)
            .await
            .ok()?;
        let stat = String::from_utf8_lossy(&stat).into_owned();
        let cmdline = fs::read_file(&self.sys, &dir.join("cmdline"), MAX_FILE)
            .await
            .ok()?;
        let owner = self
            .sys
            .statx(Fd::CWD, dir, glassdock_abi::flags::AtFlags::empty())
            .await
            .ok()?
            .uid;
        // The name is in parentheses and may hold anything.
        let (head, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or("0");
        let number = |at: usize| field(at).parse::<u64>().unwrap_or_default();
        let boot = self.boot_time().await;
        let (cpu, started) = ((number(11) + number(12)) / TICKS, boot + number(19) / TICKS);
        let words: Vec<String> = cmdline
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        let name = head.split_once('(').map_or("", |(_, name)| name);
        let command = if words.is_empty() {
            format!("[{name}]")
        } else {
            words.join(" ")
        };
        let user = if owner == 0 {
            "root".to_string()
        } else {
            owner.to_string()
        };
        Some(vec![
            user,
            pid.to_string(),
            field(1).to_string(),
            "0".to_string(),
            format!("{:02}:{:02}", started / 3600 % 24, started / 60 % 60),
            tty_name(number(4)),
            format!("{:02}:{:02}:{:02}", cpu / 3600, cpu / 60 % 60, cpu % 60),
            command,
        ])
    }

    /// Seconds since 1970 at which the machine was started.
    async fn boot_time(&self) -> u64 {
        let stat = fs::read_file(&self.sys, &"/proc/stat".into(), MAX_FILE)
            .await
            .unwrap_or_default();
        let stat = String::from_utf8_lossy(&stat);
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
        line.and_then(|seconds| seconds.trim().parse().ok())
            .unwrap_or_default()
    }
}

/// Of rows of all processes keeps those of a container, by the process that it began with: its shim takes up whoever
/// loses their parent, so they are the shim's descendants.
fn keep_family(rows: &mut Vec<Vec<String>>, init: &str) {
    const PID: usize = 1;
    const PPID: usize = 2;
    let shim = rows.iter().find(|row| row[PID] == init);
    let mut family: BTreeSet<String> = shim.map(|row| row[PPID].clone()).into_iter().collect();
    loop {
        let before = family.len();
        let more = rows.iter().filter(|row| family.contains(&row[PPID]));
        let more: Vec<String> = more.map(|row| row[PID].clone()).collect();
        family.extend(more);
        if family.len() == before {
            break;
        }
    }
    rows.retain(|row| family.contains(&row[PPID]));
}

/// The terminal behind a device number of `/proc/PID/stat`.
fn tty_name(device: u64) -> String {
    const PTS_MAJOR: u32 = 136;
    let device = glassdock_abi::types::Dev(device);
    match device.major() {
        PTS_MAJOR => format!("pts/{}", device.minor()),
        _ => "?".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_shims_descendants() {
        let row =
            |pid: &str, ppid: &str| vec!["root".to_string(), pid.to_string(), ppid.to_string()];
        let mut rows = vec![
            row("1", "0"),
            row("5", "12"),
            row("10", "1"),
            row("11", "10"),
            row("12", "11"),
            row("13", "10"),
            row("20", "1"),
            row("21", "20"),
        ];
        keep_family(&mut rows, "11");
        let pids: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(pids, ["5", "11", "12", "13"]);
    }
}
