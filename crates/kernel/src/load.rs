//! The load average: how many threads want the processor, averaged over 1, 5 and 15 minutes
//! (`kernel/sched/loadavg.c`), in whole numbers.

use crate::Kernel;

/// Virtual nanoseconds between two samples: 5 s and one tick of 250 Hz (`LOAD_FREQ`).
const SAMPLE_NS: u64 = 5_004_000_000;
/// Bits behind the point, and one (`FSHIFT`, `FIXED_1`).
const SHIFT: u32 = 11;
const ONE: u64 = 1 << SHIFT;
/// What a sample leaves of the averages over 1, 5 and 15 minutes (`EXP_1`, `EXP_5`, `EXP_15`).
const DECAY: [u64; 3] = [1884, 2014, 2037];

/// The averages, with [`SHIFT`] bits behind the point.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    averages: [u64; 3],
    /// When the next sample is taken.
    next: u64,
}

impl Default for Load {
    fn default() -> Self {
        Load {
            averages: [0; 3],
            next: SAMPLE_NS,
        }
    }
}

impl Load {
    /// Takes the samples that are due, `active` threads wanting the processor at all of them.
    fn sample(&mut self, now: u64, active: u64) {
        if now < self.next {
            return;
        }
        let count = (now - self.next) / SAMPLE_NS + 1;
        self.next += count * SAMPLE_NS;
        for (average, decay) in self.averages.iter_mut().zip(DECAY) {
            *average = decayed(*average, power(decay, count), active * ONE);
        }
    }

    /// The averages as `sysinfo` gives them, with 16 bits behind the point.
    pub(crate) fn shifted(&self) -> [u64; 3] {
        self.averages.map(|average| average << (16 - SHIFT))
    }

    /// `0.00 0.01 0.05`
    pub(crate) fn shown(&self) -> String {
        let shown = self.averages.map(|average| {
            let rounded = average + ONE / 200;
            format!(
                "{}.{:02}",
                rounded >> SHIFT,
                ((rounded & (ONE - 1)) * 100) >> SHIFT
            )
        });
        shown.join(" ")
    }
}

/// `calc_load`
fn decayed(average: u64, decay: u64, active: u64) -> u64 {
    let sum = average * decay + active * (ONE - decay);
    let up = if active >= average { ONE - 1 } else { 0 };
    (sum + up) / ONE
}

/// A number below one, `times` times multiplied with itself (`fixed_power_int`).
fn power(mut base: u64, mut times: u64) -> u64 {
    let times_of = |a: u64, b: u64| (a * b + (ONE >> 1)) >> SHIFT;
    let mut result = ONE;
    while times > 0 {
        if times & 1 == 1 {
            result = times_of(result, base);
        }
        times >>= 1;
        base = times_of(base, base);
    }
    result
}

impl Kernel {
    /// Looks at the queue where that is due: between turns, and before time jumps.
    pub(crate) fn sample_load(&mut self) {
        let active = self.waiting_turns();
        self.load.sample(self.time, active);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_never_waits_is_a_load_of_one_in_the_end() {
        let mut load = Load::default();
        let shown: Vec<String> = (1..=180)
            .map(|sample| {
                load.sample(sample * SAMPLE_NS, 1);
                load.shown()
            })
            .collect();
        assert_eq!(shown[0], "0.08 0.02 0.01");
        assert_eq!(shown[11], "0.63 0.18 0.06");
        assert_eq!(shown[179], "1.00 0.96 0.65");
    }

    #[test]
    fn idle_time_in_one_piece_decays_as_in_many() {
        let mut one = Load {
            averages: [5 * ONE; 3],
            ..Load::default()
        };
        let mut many = one.clone();
        one.sample(12 * SAMPLE_NS, 0);
        (1..=12).for_each(|sample| many.sample(sample * SAMPLE_NS, 0));
        assert_eq!(one.next, many.next);
        for (one, many) in one.averages.iter().zip(many.averages) {
            assert!(one.abs_diff(many) < ONE / 50, "{one} {many}");
        }
    }
}
