//! The options of `update`.

use super::{Command, missing_id, no_more, words};
use glassdock_cli::ram_in_bytes;
use glassdock_oci::runtime::{BlockIo, Pids, Resources};
use lexopt::{Arg, Error, Parser, ValueExt};
use std::str::FromStr;

/// Reads what is behind `update`.
pub(super) fn update(parser: &mut Parser) -> Result<Command, Error> {
    let mut file = None;
    let mut resources = Resources::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('r') | Arg::Long("resources") => file = Some(parser.value()?.string()?),
            Arg::Long(name) => {
                let name = name.to_owned();
                let value = parser.value()?.string()?;
                limit(&mut resources, &name, &value)?;
            }
            Arg::Value(word) => {
                let (id, rest) = words(word, parser)?;
                no_more("update", &rest)?;
                return Ok(Command::Update {
                    id,
                    file,
                    resources: Box::new(resources),
                });
            }
            other => return Err(other.unexpected()),
        }
    }
    Err(missing_id("update"))
}

fn limit(resources: &mut Resources, name: &str, value: &str) -> Result<(), Error> {
    match name {
        "memory" | "memory-reservation" | "memory-swap" => {
            let memory = resources.memory.get_or_insert_default();
            let place = match name {
                "memory" => &mut memory.limit,
                "memory-reservation" => &mut memory.reservation,
                _ => &mut memory.swap,
            };
            *place = Some(bytes(name, value)?);
        }
        // The kernel has no limits of its own memory any more; runc passes over them, too.
        "kernel-memory" | "kernel-memory-tcp" => drop(bytes(name, value)?),
        "pids-limit" => {
            resources.pids = Some(Pids {
                limit: number(name, value)?,
            });
        }
        "blkio-weight" => {
            resources.block_io = Some(BlockIo {
                weight: Some(number(name, value)?),
                ..BlockIo::default()
            });
        }
        _ => return cpu(resources, name, value),
    }
    Ok(())
}

fn cpu(resources: &mut Resources, name: &str, value: &str) -> Result<(), Error> {
    let cpu = resources.cpu.get_or_insert_default();
    match name {
        "cpu-period" => cpu.period = Some(number(name, value)?),
        "cpu-quota" => cpu.quota = Some(number(name, value)?),
        "cpu-burst" => cpu.burst = Some(number(name, value)?),
        "cpu-share" => cpu.shares = Some(number(name, value)?),
        "cpu-rt-period" => cpu.realtime_period = Some(number(name, value)?),
        "cpu-rt-runtime" => cpu.realtime_runtime = Some(number(name, value)?),
        "cpu-idle" => cpu.idle = Some(number(name, value)?),
        "cpuset-cpus" => value.clone_into(&mut cpu.cpus),
        "cpuset-mems" => value.clone_into(&mut cpu.mems),
        "l3-cache-schema" | "mem-bw-schema" => {
            let why = "resource director technology is not used";
            return Err(format!("--{name} is not supported: {why}").into());
        }
        _ => return Err(Arg::Long(name).unexpected()),
    }
    Ok(())
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Error> {
    let parsed = value.parse();
    parsed.map_err(|_| format!("invalid value for {name}: {value:?}").into())
}

/// Bytes with a unit, or -1.
fn bytes(name: &str, value: &str) -> Result<i64, Error> {
    if value == "-1" {
        return Ok(-1);
    }
    ram_in_bytes(value).map_err(|error| format!("invalid value for {name}: {error}").into())
}
