//! Leading a machine through a log.

use super::{Machine, Rest};
use crate::log::{Input, Record};
use std::collections::VecDeque;
use std::fmt;

/// Records that a machine has still to be led through.
#[derive(Clone, Debug)]
pub struct Replay {
    records: VecDeque<Record>,
    total: u64,
}

/// The machine did not get to where a record of the log belongs: it was made by another build or from other images.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Diverged {
    /// Number of the record.
    pub record: u64,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the machine went another way before input {}",
            self.record
        )
    }
}

impl std::error::Error for Diverged {}

impl Replay {
    /// Leads a machine through what `log` has beyond the machine's own log.
    ///
    /// # Errors
    /// [`Diverged`] where the machine's log is not the beginning of `log`.
    pub fn new(machine: &Machine, log: Vec<Record>) -> Result<Replay, Diverged> {
        let common = machine.log.iter().zip(&log).take_while(|(a, b)| a == b);
        let common = common.count();
        if common < machine.log.len() {
            return Err(Diverged {
                record: common as u64,
            });
        }
        Ok(Replay {
            total: log.len() as u64,
            records: log.into_iter().skip(common).collect(),
        })
    }

    /// Records that are done, of how many.
    pub fn progress(&self) -> (u64, u64) {
        (self.total - self.records.len() as u64, self.total)
    }

    /// Runs one turn, or lets the next record happen. Whether there is more to do.
    ///
    /// # Errors
    /// [`Diverged`] where the machine has nothing to do before the record's moment.
    pub fn step(&mut self, machine: &mut Machine) -> Result<bool, Diverged> {
        let Some(record) = self.records.front() else {
            return Ok(false);
        };
        if machine.turns < record.turn {
            if machine.rest != Rest::Running {
                return Err(Diverged {
                    record: machine.log.len() as u64,
                });
            }
            machine.run_turn();
            return Ok(true);
        }
        if let Some(record) = self.records.pop_front() {
            match record.input {
                Input::Idle { until } => machine.pass(until),
                input => machine.take_now(input),
            }
        }
        Ok(!self.records.is_empty())
    }
}
