//! What the host's control groups can do (moby `pkg/sysinfo`).

use glassdock_abi::flags::AtFlags;
use glassdock_abi::{Fd, Io, Sys};
use glassdock_runtime::cgroups::{Hierarchy, controllers, hierarchies};
use glassdock_runtime::io::read_file;

/// Longest list of processors or memory nodes in bytes.
const MAX_LIST: usize = 64 << 10;

/// What the host's control groups can do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cgroups {
    /// Controllers, sorted.
    pub controllers: Vec<String>,
    /// Whether all are of version 2.
    pub unified: bool,
    /// Whether any hierarchy is mounted.
    pub mounted: bool,
    /// Whether memory and swap together can be limited.
    pub swap: bool,
    /// Whether block devices are shared by weight.
    pub block_weight: bool,
    /// The processors and the memory nodes that there are, as lists.
    pub cpuset: [String; 2],
}

impl Cgroups {
    /// Whether a controller is there.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|known| known == controller)
    }

    /// Whether block devices can be limited: the controller's name is not the same in both versions.
    pub fn has_block_io(&self) -> bool {
        self.has("blkio") || self.has("io")
    }

    /// Asks the kernel.
    pub async fn read<S: Sys>(sys: &S) -> Cgroups {
        let all = hierarchies(sys).await;
        let (controllers, unified) = controllers(&all);
        let file = |controller: &str, old: &str, new: &str| {
            let with = all
                .iter()
                .find(|one| one.controllers.iter().any(|c| c == controller));
            with.map(|one| path(one, old, new))
        };
        let cpuset = [
            ("cpuset.cpus", "cpuset.cpus.effective"),
            ("cpuset.mems", "cpuset.mems.effective"),
        ]
        .map(|(old, new)| file("cpuset", old, new));
        let mut lists = [String::new(), String::new()];
        for (list, path) in lists.iter_mut().zip(cpuset) {
            let Some(path) = path else { continue };
            let text = read_file(sys, path.as_str(), MAX_LIST).await;
            *list = String::from_utf8_lossy(&text.unwrap_or_default())
                .trim()
                .to_string();
        }
        Cgroups {
            // The files of version 2 are not in the top group: what has the controller has them.
            swap: match file("memory", "memory.memsw.limit_in_bytes", "") {
                Some(path) => exists(sys, &path).await,
                None => false,
            },
            block_weight: match file("blkio", "blkio.weight", "") {
                Some(path) => exists(sys, &path).await,
                None => controllers.iter().any(|name| name == "io"),
            },
            mounted: !all.is_empty(),
            controllers,
            unified,
            cpuset: lists,
        }
    }
}

fn path(hierarchy: &Hierarchy, old: &str, new: &str) -> String {
    let name = if hierarchy.unified { new } else { old };
    format!("{}/{name}", hierarchy.mount)
}

async fn exists<S: Sys>(sys: &S, path: &str) -> bool {
    sys.statx(Fd::CWD, path.into(), AtFlags::empty())
        .await
        .is_ok()
}
