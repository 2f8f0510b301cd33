//! How fast the interpreter is under real programs on the whole kernel, beside the processor that
//! it imitates. A name as argument runs only the programs whose names contain it.
//!
//! Times are those that the processor spent on the work, so that other programs on the machine
//! disturb little; of several runs the quickest counts.

mod work;

#[cfg(target_os = "linux")]
fn main() -> Result<(), String> {
    measure::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod measure {
    use super::work::{self, PROCESSES, TEXT, Work};
    use nix::sys::resource::{UsageWho, getrusage};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    /// Runs of each program in the simulation.
    const RUNS: usize = 5;
    /// Runs of each program on the host.
    const HOST_RUNS: usize = 5;

    pub fn run() -> Result<(), String> {
        let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
        let busybox = std::env::var("GLASSDOCK_BUSYBOX").unwrap_or_else(|_| "/bin/busybox".into());
        let image = std::fs::read(&busybox).map_err(|e| format!("{busybox}: {e}"))?;
        let list = command(&busybox, &["--list"], Path::new("/"))?;
        let applets: Vec<String> = String::from_utf8_lossy(&list)
            .lines()
            .map(str::to_owned)
            .collect();
        let host = Host::new(&busybox, &applets)?;
        println!(
            r#"{{"about": "Programs of busybox on the simulated kernel, interpreted; and the same programs on the processor itself."}}"#
        );
        let mut product = (0.0, 0u32);
        for work in work::table() {
            if work.name == TEXT {
                continue;
            }
            if only.as_ref().is_some_and(|name| !work.name.contains(name)) {
                continue;
            }
            let (real, expected) = host.run(&work)?;
            let mut best = f64::INFINITY;
            let mut instructions = 0;
            for _ in 0..RUNS {
                let (mut kernel, console) = work::prepare(&image, &applets, &host.text, &work)?;
                let start = spent(UsageWho::RUSAGE_SELF);
                let done = work::finish(&mut kernel, console);
                best = best.min(spent(UsageWho::RUSAGE_SELF) - start);
                instructions = done.instructions;
                if !done.ok || done.output != expected {
                    return Err(format!(
                        "{}: printed {:?} but the host {:?}",
                        work.name,
                        String::from_utf8_lossy(&done.output),
                        String::from_utf8_lossy(&expected)
                    ));
                }
            }
            let speed = instructions as f64 / best / 1e6;
            cell(work.name, "M instructions", instructions as f64 / 1e6);
            cell(work.name, "M instructions/s", speed);
            cell(work.name, "interpreted, ms", best * 1e3);
            cell(work.name, "processor, ms", real * 1e3);
            cell(work.name, "times slower", best / real);
            if work.name != PROCESSES {
                product = (product.0 + speed.ln(), product.1 + 1);
            }
        }
        if product.1 > 0 {
            let mean = (product.0 / f64::from(product.1)).exp();
            cell("**geometric mean**", "M instructions/s", mean);
        }
        println!(
            r#"{{"note": "Processor time, the quickest of {RUNS} runs. The mean is of all but the last row, which starts 300 processes and is there for the kernel's share. What the programs print was compared and is the same."}}"#
        );
        Ok(())
    }

    fn cell(row: &str, column: &str, value: f64) {
        println!(r#"{{"row": "{row}", "column": "{column}", "value": {value}}}"#);
    }

    /// Seconds of processor time.
    fn spent(who: UsageWho) -> f64 {
        getrusage(who).map_or(0.0, |usage| {
            [usage.user_time(), usage.system_time()]
                .iter()
                .map(|t| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6)
                .sum()
        })
    }

    fn command(program: &str, args: &[&str], dir: &Path) -> Result<Vec<u8>, String> {
        let output = Command::new(program)
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("PATH", dir.join("bin"))
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("{program}: {e}"))?;
        if !output.status.success() {
            return Err(format!("{program} {args:?}: {:?}", output.status));
        }
        Ok(output.stdout)
    }

    /// A folder on the host with the same programs and the same input.
    struct Host {
        dir: PathBuf,
        text: Vec<u8>,
    }

    impl Host {
        fn new(busybox: &str, applets: &[String]) -> Result<Host, String> {
            let dir = std::env::temp_dir().join(format!("glassdock-bench-{}", std::process::id()));
            let mut host = Host {
                dir,
                text: Vec::new(),
            };
            host.fill(busybox, applets).map_err(|e| e.to_string())?;
            let make = work::table().find(|work| work.name == TEXT);
            host.run(&make.ok_or("no program makes the input")?)?;
            host.text = std::fs::read(host.dir.join("text")).map_err(|e| e.to_string())?;
            Ok(host)
        }

        fn fill(&self, busybox: &str, applets: &[String]) -> std::io::Result<()> {
            let bin = self.dir.join("bin");
            std::fs::create_dir_all(&bin)?;
            std::fs::copy(busybox, bin.join("busybox"))?;
            for applet in applets.iter().filter(|a| *a != "busybox") {
                std::os::unix::fs::symlink("busybox", bin.join(applet))?;
            }
            Ok(())
        }

        fn run(&self, work: &Work) -> Result<(f64, Vec<u8>), String> {
            let shell = self.dir.join("bin/sh");
            let shell = shell.to_string_lossy();
            let mut best = f64::INFINITY;
            let mut output = Vec::new();
            for _ in 0..HOST_RUNS {
                let start = spent(UsageWho::RUSAGE_CHILDREN);
                output = command(&shell, &["-c", work.script], &self.dir)?;
                best = best.min(spent(UsageWho::RUSAGE_CHILDREN) - start);
            }
            Ok((best, output))
        }
    }

    impl Drop for Host {
        fn drop(&mut self) {
            // What is left in the temporary folder is the host's to clean.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
