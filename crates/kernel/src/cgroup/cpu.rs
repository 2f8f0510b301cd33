//! The cpu controller: how groups share the processor, and how much of it they may have (`kernel/sched`).
//!
//! At each level, a group's own threads that can run and the groups below it take turns by what they have had, divided by
//! their weights, as the kernel's fair scheduler does; threads of one group take turns in the order in which they queue.
//! Where no group has a controller, none of this is entered: what decides that is kept apart (`inline(never)`), so that it
//! is not among what the page needs for its prompt.
//!
//! A thread weighs as much as a group of weight 100: priorities (`nice`) make no difference yet.

use super::{Cgroups, Controllers, above, is_within, lineage, values};
use crate::Kernel;
use crate::ids::Tid;
use crate::sched::{Timer, TimerKey};
use glassdock_abi::{Errno, Result};
use std::fmt::Write;

/// What weight 100 is to the scheduler (`NICE_0_LOAD`).
const NICE_0: u64 = 1024;
/// What an idle group weighs (`WEIGHT_IDLEPRIO`).
const IDLE: u64 = 3;
/// Weights of priorities -20 to 19 (`sched_prio_to_weight`).
const PRIORITIES: [u64; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15,
];
/// Shortest and longest period, and least quota, in microseconds.
const PERIODS_US: std::ops::RangeInclusive<u64> = 1000..=1_000_000;
/// Greatest quota, with what may be saved up, in microseconds (`MAX_BW`).
const QUOTA_MAX_US: u64 = (1 << 44) - 1;
const US: u64 = 1000;

/// Weight and quota of a group, and what it has had.
#[derive(Clone, Debug)]
pub(super) struct Cpu {
    shares: u64,
    idle: bool,
    /// Microseconds in a period; none is no limit.
    quota: Option<u64>,
    period: u64,
    burst: u64,
    bandwidth: Bandwidth,
    /// What it has had of the processor, in nanoseconds by weight.
    had: u64,
    /// The same of its own threads, among the groups below it.
    own_had: u64,
    /// How many of its own threads could run when it last had its turn.
    own_ready: u64,
    /// Which groups below it (or, `None`, own threads) could run then.
    present: Vec<Option<String>>,
    /// The least that anybody at this level has had who could run; it never falls (`min_vruntime`).
    floor: u64,
}

/// Where a group is in its period, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Bandwidth {
    /// What is left; below zero where a turn took more.
    left: i64,
    /// The end of the period; none runs while nobody takes anything.
    timer: Option<TimerKey>,
    /// Nothing was taken since the period began.
    unused: bool,
    throttled_since: Option<u64>,
    periods: u64,
    throttled: u64,
    throttled_ns: u64,
    bursts: u64,
    burst_ns: u64,
    /// What was left when the period began.
    began: i64,
}

/// Time on the processor in nanoseconds; counted with the controller and without.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    user: u64,
    system: u64,
}

impl Default for Cpu {
    fn default() -> Self {
        Cpu {
            shares: NICE_0,
            idle: false,
            quota: None,
            period: 100_000,
            burst: 0,
            bandwidth: Bandwidth::default(),
            had: 0,
            own_had: 0,
            own_ready: 0,
            present: Vec::new(),
            floor: 0,
        }
    }
}

impl Cpu {
    fn weight(&self) -> u64 {
        if self.idle { IDLE } else { self.shares }
    }

    pub(super) fn shown_weight(&self) -> u64 {
        match self.idle {
            true => 0,
            false => (self.shares * 100 + NICE_0 / 2) / NICE_0,
        }
    }

    pub(super) fn shown_nice(&self) -> i64 {
        let nearest = (0i64..).zip(PRIORITIES);
        let nearest = nearest.min_by_key(|(_, weight)| weight.abs_diff(self.weight()));
        nearest.map_or(0, |(at, _)| at - 20)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.idle
    }

    pub(super) fn burst(&self) -> u64 {
        self.burst
    }

    pub(super) fn shown_max(&self) -> String {
        match self.quota {
            Some(quota) => format!("{quota} {}\n", self.period),
            None => format!("max {}\n", self.period),
        }
    }

    pub(super) fn set_weight(&mut self, text: &str) -> Result<()> {
        let weight = values::unsigned(text)?;
        if !(1..=10_000).contains(&weight) {
            return Err(Errno::ERANGE);
        }
        self.set_shares((weight * NICE_0 + 50) / 100)
    }

    pub(super) fn set_nice(&mut self, text: &str) -> Result<()> {
        let at = usize::try_from(values::signed(text)?.saturating_add(20));
        let shares = at.ok().and_then(|at| PRIORITIES.get(at));
        self.set_shares(*shares.ok_or(Errno::ERANGE)?)
    }

    fn set_shares(&mut self, shares: u64) -> Result<()> {
        if self.idle {
            return Err(Errno::EINVAL);
        }
        self.shares = shares;
        Ok(())
    }

    pub(super) fn set_idle(&mut self, text: &str) -> Result<()> {
        self.idle = values::switch(text, Errno::EINVAL)?;
        self.shares = NICE_0;
        Ok(())
    }

    /// `QUOTA [PERIOD]`, in microseconds (`cpu_period_quota_parse`): what is behind them is not looked at.
    pub(super) fn set_max(&mut self, text: &str) -> Result<()> {
        let mut words = text.split_whitespace();
        let leading = |word: &str| {
            let end = word.find(|letter: char| !letter.is_ascii_digit());
            word[..end.unwrap_or(word.len())].parse::<u64>().ok()
        };
        let first = words.next().ok_or(Errno::EINVAL)?;
        let period = words.next().and_then(leading).unwrap_or(self.period);
        let quota = match first {
            "max" => None,
            word => Some(leading(word).ok_or(Errno::EINVAL)?),
        };
        self.limit(quota, period, self.burst)
    }

    pub(super) fn set_burst(&mut self, text: &str) -> Result<()> {
        let burst = values::unsigned(text)?;
        self.limit(self.quota, self.period, burst)
    }

    /// `tg_set_cfs_bandwidth`.
    fn limit(&mut self, quota: Option<u64>, period: u64, burst: u64) -> Result<()> {
        let least = *PERIODS_US.start();
        let fits = match quota {
            Some(quota) => {
                let most = quota.saturating_add(burst);
                quota >= least && burst <= quota && most <= QUOTA_MAX_US
            }
            None => burst <= QUOTA_MAX_US,
        };
        if !fits || !PERIODS_US.contains(&period) {
            return Err(Errno::EINVAL);
        }
        (self.quota, self.period, self.burst) = (quota, period, burst);
        self.bandwidth.left = quota.map_or(0, |quota| (quota * US).cast_signed());
        self.bandwidth.began = self.bandwidth.left;
        self.bandwidth.throttled_since = None;
        Ok(())
    }

    fn refill(&mut self, now: u64) {
        let Some(quota) = self.quota.map(|quota| (quota * US).cast_signed()) else {
            return;
        };
        let most = quota + (self.burst * US).cast_signed();
        let it = &mut self.bandwidth;
        let used = it.began - it.left;
        if used > quota {
            it.bursts += 1;
            it.burst_ns += (used - quota).cast_unsigned();
        }
        it.left = (it.left + quota).min(most);
        it.began = it.left;
        if it.left > 0
            && let Some(since) = it.throttled_since.take()
        {
            it.throttled_ns += now - since;
        }
    }
}

impl Cgroups {
    /// Groups along a path that compete as such, outermost first.
    fn competitors<'a>(&self, path: &'a str) -> Vec<&'a str> {
        let mut along: Vec<&str> = lineage(path)
            .filter(|path| above(path).is_some_and(|up| self.enabled(up).has(Controllers::CPU)))
            .collect();
        along.reverse();
        along
    }

    fn cpu(&self, path: &str) -> Option<&Cpu> {
        self.groups.get(path).map(|group| &group.cpu)
    }

    fn cpu_mut(&mut self, path: &str) -> Option<&mut Cpu> {
        self.groups.get_mut(path).map(|group| &mut group.cpu)
    }

    fn had(&self, level: &str, who: Option<&str>) -> u64 {
        match who {
            Some(child) => self.cpu(child).map_or(0, |cpu| cpu.had),
            None => self.cpu(level).map_or(0, |cpu| cpu.own_had),
        }
    }

    /// Whoever could not run when there was a choice last begins where the others are, or were: nobody saves up turns, and
    /// nobody who comes new has turns to make up for.
    fn catch_up(&mut self, level: &str, who: &[Option<&str>]) {
        let Some(cpu) = self.cpu_mut(level) else {
            return;
        };
        let floor = cpu.floor;
        let mut present = std::mem::take(&mut cpu.present);
        let is_new = |one: &Option<&str>| !present.iter().any(|it| it.as_deref() == *one);
        let mut changed = present.len() != who.len();
        for one in who.iter().filter(|one| is_new(one)) {
            changed = true;
            let had = match one {
                Some(child) => self.cpu_mut(child).map(|cpu| &mut cpu.had),
                None => self.cpu_mut(level).map(|cpu| &mut cpu.own_had),
            };
            if let Some(had) = had {
                *had = floor.max(*had);
            }
        }
        if changed {
            present = who.iter().map(|one| one.map(str::to_owned)).collect();
        }
        let least = who.iter().map(|one| self.had(level, *one)).min();
        if let Some(cpu) = self.cpu_mut(level) {
            cpu.floor = cpu.floor.max(least.unwrap_or(0));
            cpu.present = present;
        }
    }

    /// Whose turn it is, of threads in the order in which they queue, each with its group.
    fn choose(&mut self, waiting: &[(usize, String)]) -> Option<usize> {
        let mut left: Vec<(usize, Vec<&str>)> = waiting
            .iter()
            .map(|(at, path)| (*at, self.competitors(path)))
            .collect();
        let mut level = "/";
        for depth in 0.. {
            let mut who: Vec<Option<&str>> = Vec::new();
            for (_, along) in &left {
                let one = along.get(depth).copied();
                if !who.contains(&one) {
                    who.push(one);
                }
            }
            self.catch_up(level, &who);
            let least = who
                .iter()
                .min_by_key(|one| self.had(level, **one))
                .copied()?;
            left.retain(|(_, along)| along.get(depth).copied() == least);
            match least {
                Some(child) => level = child,
                None => break,
            }
        }
        if let Some(cpu) = self.cpu_mut(level) {
            cpu.own_ready = left.len() as u64;
        }
        left.first().map(|(at, _)| *at)
    }

    /// How long the groups along a path may still run, in nanoseconds.
    fn quota_left(&self, path: &str) -> Option<u64> {
        let limited = lineage(path).filter_map(|path| {
            let cpu = self.cpu(path)?;
            cpu.quota?;
            Some(cpu.bandwidth.left.max(0).cast_unsigned())
        });
        limited.min()
    }
}

impl Kernel {
    /// Whether the rules of groups let a thread have its turn.
    pub(crate) fn may_have_turn(&self, tid: Tid) -> bool {
        !self.cgroups.rules || self.rules_let_run(tid)
    }

    #[inline(never)]
    fn rules_let_run(&self, tid: Tid) -> bool {
        let Some(process) = self.process_of(tid) else {
            return true;
        };
        !self.is_frozen(tid) && self.cgroups.quota_left(&process.cgroup) != Some(0)
            || self.is_doomed(tid)
    }

    /// The place in the queue of whoever is next, by the rules of groups.
    #[inline(never)]
    pub(crate) fn choose_by_groups(&mut self) -> Option<usize> {
        let queue: Vec<Tid> = self.ready.waiting().collect();
        let able = queue.iter().enumerate();
        let able = able.filter(|(_, tid)| self.may_have_turn(**tid));
        let waiting: Vec<(usize, String)> = able
            .map(|(at, tid)| {
                let process = self.process_of(*tid);
                (
                    at,
                    process.map_or_else(|| "/".into(), |it| it.cgroup.clone()),
                )
            })
            .collect();
        self.cgroups.choose(&waiting)
    }

    /// Until when a thread's turn may last at most.
    pub(crate) fn quota_end(&self, tid: Tid) -> u64 {
        match self.cgroups.rules {
            true => self.quota_of_groups(tid),
            false => u64::MAX,
        }
    }

    #[inline(never)]
    fn quota_of_groups(&self, tid: Tid) -> u64 {
        let process = self.process_of(tid);
        let left = process.and_then(|it| self.cgroups.quota_left(&it.cgroup));
        left.map_or(u64::MAX, |left| self.time.saturating_add(left))
    }

    /// Counts a turn, or a part of one, for a group and all above it.
    pub(crate) fn charge_turn(&mut self, path: &str, user: u64, system: u64, faults: u64) {
        for path in lineage(path) {
            if let Some(group) = self.cgroups.groups.get_mut(path) {
                group.times.user += user;
                group.times.system += system;
                group.memory.faults += faults;
            }
        }
        if self.cgroups.rules {
            self.charge_by_rules(path, user + system);
        }
    }

    #[inline(never)]
    fn charge_by_rules(&mut self, path: &str, time: u64) {
        self.charge_shares(path, time);
        self.charge_quotas(path, time.cast_signed());
        self.reclaim_high(path);
    }

    fn charge_shares(&mut self, path: &str, time: u64) {
        let along = self.cgroups.competitors(path);
        for path in &along {
            if let Some(cpu) = self.cgroups.cpu_mut(path) {
                cpu.had += time * NICE_0 / cpu.weight().max(1);
            }
        }
        let level = along.last().copied().unwrap_or("/");
        if let Some(cpu) = self.cgroups.cpu_mut(level) {
            cpu.own_had += time / cpu.own_ready.max(1);
        }
    }

    fn charge_quotas(&mut self, path: &str, time: i64) {
        let now = self.time;
        for path in lineage(path) {
            let Some(cpu) = self.cgroups.cpu_mut(path) else {
                continue;
            };
            if cpu.quota.is_none() {
                continue;
            }
            let period = cpu.period * US;
            let it = &mut cpu.bandwidth;
            it.left -= time;
            it.unused = false;
            if it.left <= 0 && it.throttled_since.is_none() {
                it.throttled_since = Some(now);
            }
            if it.timer.is_none() {
                let id = self.cgroups.id(path);
                let timer = self.timers.arm(now + period, Timer::Period(id));
                if let Some(cpu) = self.cgroups.cpu_mut(path) {
                    cpu.bandwidth.timer = Some(timer);
                }
            }
        }
    }

    /// A period of a group is over (`do_sched_cfs_period_timer`).
    #[inline(never)]
    pub(crate) fn period_due(&mut self, id: u64) {
        let Ok(path) = self.cgroups.path(id) else {
            return;
        };
        let now = self.time;
        let Some(cpu) = self.cgroups.cpu_mut(&path) else {
            return;
        };
        let throttled = cpu.bandwidth.throttled_since.is_some();
        cpu.bandwidth.periods += 1;
        if cpu.quota.is_none() || cpu.bandwidth.unused && !throttled {
            cpu.bandwidth.timer = None;
            cpu.bandwidth.throttled_since = None;
            return;
        }
        cpu.bandwidth.throttled += u64::from(throttled);
        cpu.refill(now);
        cpu.bandwidth.unused = true;
        let end = now + cpu.period * US;
        cpu.bandwidth.timer = Some(self.timers.arm(end, Timer::Period(id)));
    }

    /// A group is without the controller from now on.
    pub(super) fn forget_shares(&mut self, path: &str) {
        let cpu = self.cgroups.cpu_mut(path).map(std::mem::take);
        if let Some(timer) = cpu.and_then(|cpu| cpu.bandwidth.timer) {
            self.timers.cancel(timer);
        }
    }

    /// `cpu.stat`; what a group that has the controller is told more.
    pub(super) fn group_cpu_stat(&self, path: &str) -> String {
        let Some(group) = self.cgroups.groups.get(path) else {
            return String::new();
        };
        let Times { user, system } = group.times;
        let mut text = format!(
            "usage_usec {}\nuser_usec {}\nsystem_usec {}\n",
            (user + system) / US,
            user / US,
            system / US
        );
        if self.cgroups.controllers(path).has(Controllers::CPU) {
            let it = &group.cpu.bandwidth;
            let _ = write!(
                text,
                "nr_periods {}\nnr_throttled {}\nthrottled_usec {}\nnr_bursts {}\nburst_usec {}\n",
                it.periods,
                it.throttled,
                it.throttled_ns / US,
                it.bursts,
                it.burst_ns / US
            );
        }
        text
    }

    /// `cpu.stat.local`.
    pub(super) fn group_throttled(&self, path: &str) -> String {
        let cpu = self.cgroups.cpu(path);
        let time = cpu.map_or(0, |cpu| cpu.bandwidth.throttled_ns / US);
        format!("throttled_usec {time}\n")
    }

    /// Processes of a group and all below it, zombies included.
    pub(super) fn members_within(
        &self,
        path: &str,
    ) -> impl Iterator<Item = &crate::process::Process> {
        let all = self.processes.values();
        all.filter(move |process| is_within(&process.cgroup, path))
    }
}
