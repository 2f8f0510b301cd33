//! The hierarchies that are mounted, and a container's groups in them (`man 7 cgroups`).

use crate::io::read_file;
use crate::mounts::{self, unescape};
use glassdock_abi::{PathArg, Sys};
use serde::{Deserialize, Serialize};

/// Longest `/proc/self/cgroup`, or list of controllers, in bytes.
const MAX_LIST: usize = 64 << 10;

/// A mounted hierarchy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hierarchy {
    /// Its controllers; for one of version 1 without any, `name=` and its name.
    pub controllers: Vec<String>,
    /// Whether it is of version 2.
    pub unified: bool,
    /// Where it is mounted.
    pub mount: String,
    /// The group of the reading process, as a path below the mount; it begins with `/`.
    pub own: String,
}

/// A container's group in one hierarchy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// The hierarchy's controllers.
    pub controllers: Vec<String>,
    /// Whether the hierarchy is of version 2.
    pub unified: bool,
    /// Where the hierarchy is mounted.
    pub mount: String,
    /// The group's path below the mount; it begins with `/`.
    pub path: String,
    /// Processors and memory nodes of the nearest group above that exists: a new group of the cpuset controller of
    /// version 1 has none, and takes no process before it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpuset: Option<[String; 2]>,
}

impl Group {
    /// The group's directory.
    pub fn dir(&self) -> PathArg {
        format!("{}{}", self.mount, self.path).into()
    }
    /// A file of the group.
    pub fn file(&self, name: &str) -> PathArg {
        self.dir().join(name)
    }
    /// Whether the hierarchy has a controller.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|known| known == controller)
    }
    /// The directories from the mount down to the group, the mount itself left out.
    pub fn dirs(&self) -> Vec<String> {
        let mut path = self.mount.clone();
        let mut dirs = Vec::new();
        for part in self.path.split('/').filter(|part| !part.is_empty()) {
            path = format!("{path}/{part}");
            dirs.push(path.clone());
        }
        dirs
    }
}

/// The hierarchies that the calling process sees; none where there are no control groups.
pub async fn hierarchies<S: Sys>(sys: &S) -> Vec<Hierarchy> {
    let mounts = mounts::text(sys).await.unwrap_or_default();
    let own = text(sys, "/proc/self/cgroup", MAX_LIST).await;
    let mut found = parse(&mounts, &own);
    for hierarchy in found.iter_mut().filter(|hierarchy| hierarchy.unified) {
        let path = format!("{}/cgroup.controllers", hierarchy.mount);
        let list = text(sys, &path, MAX_LIST).await;
        hierarchy.controllers = list.split_whitespace().map(str::to_owned).collect();
    }
    found
}

/// The names of the controllers that some mounted hierarchy has, sorted, and whether only version 2 is mounted.
pub fn controllers(hierarchies: &[Hierarchy]) -> (Vec<String>, bool) {
    let mut names: Vec<String> = hierarchies
        .iter()
        .flat_map(|hierarchy| &hierarchy.controllers)
        .filter(|name| !name.starts_with("name="))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    let unified = !hierarchies.is_empty() && hierarchies.iter().all(|hierarchy| hierarchy.unified);
    (names, unified)
}

async fn text<S: Sys>(sys: &S, path: &str, limit: usize) -> String {
    let bytes = read_file(sys, path, limit).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Joins the mounts (`man 5 proc_pid_mountinfo`) with the process's groups (`man 7 cgroups`, "/proc files").
fn parse(mountinfo: &str, own: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some(mut hierarchy) = mounted(line) else {
            continue;
        };
        let (mount_root, known) = (std::mem::take(&mut hierarchy.own), &found);
        let again = known.iter().any(|other| {
            other.unified == hierarchy.unified && other.controllers == hierarchy.controllers
        });
        if again {
            continue;
        }
        let Some(path) = own_path(own, &hierarchy) else {
            continue;
        };
        hierarchy.own = below(path, &mount_root);
        found.push(hierarchy);
    }
    found
}

/// One line of mountinfo; `own` is the mount's root for now.
fn mounted(line: &str) -> Option<Hierarchy> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (root, mount) = (unescape(before.next()?), unescape(before.next()?));
    let mut after = after.split(' ');
    let kind = after.next()?;
    let options = after.nth(1)?;
    let unified = match kind {
        "cgroup2" => true,
        "cgroup" => false,
        _ => return None,
    };
    let controllers = if unified {
        Vec::new()
    } else {
        // The options that are no controllers, of `man 7 cgroups` and the kernel's `cgroup1_show_options`.
        const OTHERS: [&str; 7] = [
            "rw",
            "ro",
            "noprefix",
            "xattr",
            "cpuset_v2_mode",
            "clone_children",
            "favordynmods",
        ];
        options
            .split(',')
            .filter(|name| !OTHERS.contains(name) && !name.starts_with("release_agent="))
            .map(str::to_owned)
            .collect()
    };
    Some(Hierarchy {
        controllers,
        unified,
        mount,
        own: root,
    })
}

fn own_path<'a>(own: &'a str, hierarchy: &Hierarchy) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, names, path) = (fields.next()?, fields.next()?, fields.next()?);
        let same = if hierarchy.unified {
            names.is_empty()
        } else {
            let mut names: Vec<&str> = names.split(',').collect();
            let mut wanted: Vec<&str> = hierarchy.controllers.iter().map(String::as_str).collect();
            names.sort_unstable();
            wanted.sort_unstable();
            names == wanted
        };
        same.then_some(path)
    })
}

/// A path in the hierarchy as a path below a mount that shows it from `root` on. What is not below it is the mount's top.
fn below(path: &str, root: &str) -> String {
    let root = root.trim_end_matches('/');
    match path.strip_prefix(root) {
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => "/".to_owned(),
    }
}

/// The groups of a container in all hierarchies. `asked` is the specification's `cgroupsPath`: an absolute one begins at
/// the mount, a relative one at the group of whoever makes the container; without one it is the container's id, there.
pub(crate) fn place(hierarchies: Vec<Hierarchy>, asked: &str, id: &str) -> Vec<Group> {
    let asked = if asked.is_empty() { id } else { asked };
    hierarchies
        .into_iter()
        .map(|hierarchy| {
            let start = if asked.starts_with('/') {
                ""
            } else {
                &hierarchy.own
            };
            Group {
                path: clean(start, asked),
                controllers: hierarchy.controllers,
                unified: hierarchy.unified,
                mount: hierarchy.mount,
                cpuset: None,
            }
        })
        .collect()
}

/// Two paths as one, `..` going up but never above the top.
fn clean(start: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Reads the processors and memory nodes of the nearest group above that exists, where the cpuset controller of version 1 wants them.
pub(crate) async fn nearest_cpuset<S: Sys>(sys: &S, group: &mut Group) {
    if group.unified || !group.has("cpuset") {
        return;
    }
    let mut above = group.dirs();
    above.pop();
    above.insert(0, group.mount.clone());
    for dir in above.iter().rev() {
        let cpus = text(sys, &format!("{dir}/cpuset.cpus"), MAX_LIST).await;
        let mems = text(sys, &format!("{dir}/cpuset.mems"), MAX_LIST).await;
        if !cpus.trim().is_empty() && !mems.trim().is_empty() {
            group.cpuset = Some([cpus.trim().to_owned(), mems.trim().to_owned()]);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
24 1 0:22 / /proc rw,nosuid - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:4 - cgroup cgroup rw,memory
36 31 0:32 / /mnt/again rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
";
    const OWN: &str = "\
9:name=systemd:/
4:memory:/process/a
2:cpuacct,cpu:/
0::/user.slice
";

    #[test]
    fn each_hierarchy_is_there_once_with_the_process_s_own_group() {
        let found = parse(HYBRID, OWN);
        let told: Vec<_> = found
            .iter()
            .map(|h| (h.controllers.join("+"), h.unified, &*h.mount, &*h.own))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "cpu+cpuacct".to_owned(),
                    false,
                    "/sys/fs/cgroup/cpu,cpuacct",
                    "/"
                ),
                (
                    "memory".to_owned(),
                    false,
                    "/sys/fs/cgroup/memory",
                    "/process/a"
                ),
                (
                    "name=systemd".to_owned(),
                    false,
                    "/sys/fs/cgroup/systemd",
                    "/"
                ),
                (String::new(), true, "/sys/fs/cgroup/unified", "/user.slice"),
            ]
        );
    }

    #[test]
    fn a_mount_of_a_part_shows_paths_from_there() {
        let mounts = "1 1 0:1 /docker/c1 /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n";
        let own = |text| parse(mounts, text).remove(0).own;
        assert_eq!(own("3:pids:/docker/c1/x\n"), "/x");
        assert_eq!(own("3:pids:/docker/c1\n"), "/");
        assert_eq!(own("3:pids:/docker/c11\n"), "/");
    }

    #[test]
    fn a_group_is_where_the_path_says_and_never_above_the_mount() {
        let at = |asked| {
            let groups = place(parse(HYBRID, OWN), asked, "c1");
            groups[1].dir().to_string()
        };
        assert_eq!(at("/docker/c1"), "/sys/fs/cgroup/memory/docker/c1");
        assert_eq!(at("mine"), "/sys/fs/cgroup/memory/process/a/mine");
        assert_eq!(at(""), "/sys/fs/cgroup/memory/process/a/c1");
        assert_eq!(at("../../../x"), "/sys/fs/cgroup/memory/x");
        assert_eq!(at("/../x/./y//z"), "/sys/fs/cgroup/memory/x/y/z");
    }

    #[test]
    fn nonsense_gives_no_hierarchy() {
        for line in ["", "a b c", " - cgroup2", "1 2 3 / /x rw - cgroup2"] {
            assert_eq!(parse(line, OWN), []);
        }
    }
}
