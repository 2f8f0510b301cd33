//! Who a container's process is: `user[:group]` looked up in the image's `/etc/passwd` and `/etc/group`
//! (moby/sys `user.GetExecUser`, which Docker and runc use).

use crate::error::{ApiError, Result};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::{Errno, Fd, Sys};
use glassdock_image::fs::open_in_root;
use glassdock_image::source::{FdSource, read_all};
use glassdock_oci::runtime::User;

/// Largest `/etc/passwd` or `/etc/group` that is read, in bytes.
const MAX_DATABASE: u64 = 4 << 20;

/// The files in which names are looked up; one that is missing is empty.
#[derive(Clone, Debug, Default)]
pub struct Databases {
    passwd: String,
    group: String,
}

/// A user and what else its entry says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Ids and further groups.
    pub user: User,
    /// The home directory; `/` when unknown.
    pub home: String,
}

impl Databases {
    /// Reads both inside a root that no link leads out of.
    pub async fn read<S: Sys>(sys: &S, root: Fd) -> Result<Databases> {
        Ok(Databases {
            passwd: file(sys, root, b"etc/passwd").await?,
            group: file(sys, root, b"etc/group").await?,
        })
    }

    /// Looks up `user[:group]`, names or numbers; an empty text is `root`. `add` are further groups. What follows a second
    /// colon means nothing (moby/sys `user/v0.4.0`, `GetExecUser`).
    ///
    /// # Errors
    /// Docker's texts for names that are not there; a number need not be there.
    pub fn find(&self, spec: &str, add: &[String]) -> Result<Found> {
        let mut parts = spec.split(':');
        let (user, group) = (parts.next().unwrap_or_default(), parts.next());
        let entry = self.user(user)?;
        let mut found = Found {
            user: User {
                uid: entry.uid,
                gid: entry.gid,
                ..User::default()
            },
            home: entry.home.unwrap_or("/").to_string(),
        };
        match group {
            Some(group) if !group.is_empty() => found.user.gid = self.group(group)?,
            _ => found.user.additional_gids = self.memberships(entry.name),
        }
        // The group itself is among them, so that a process cannot lose it (CVE-2022-36109).
        let own = found.user.gid;
        found.user.additional_gids.retain(|gid| *gid != own);
        found.user.additional_gids.insert(0, own);
        for group in add {
            let gid = self.group(group)?;
            if !found.user.additional_gids.contains(&gid) {
                found.user.additional_gids.push(gid);
            }
        }
        Ok(found)
    }

    fn user<'a>(&'a self, text: &'a str) -> Result<Entry<'a>> {
        let number = id(text)?;
        let wanted = if text.is_empty() { "0" } else { text };
        let uid = if text.is_empty() { Some(0) } else { number };
        // A name goes before a number, as in passwd files where a number is a name.
        let by_name = self.users().find(|entry| entry.name == wanted);
        if let Some(entry) = by_name.or_else(|| self.users().find(|entry| Some(entry.uid) == uid)) {
            return Ok(entry);
        }
        match uid {
            Some(uid) => Ok(Entry {
                name: "",
                uid,
                gid: 0,
                home: None,
            }),
            None => Err(ApiError::invalid(format!(
                "unable to find user {text}: no matching entries in passwd file"
            ))),
        }
    }

    fn users(&self) -> impl Iterator<Item = Entry<'_>> {
        self.passwd.lines().filter_map(|line| {
            let fields: Vec<&str> = line.trim().split(':').collect();
            Some(Entry {
                name: fields.first()?,
                uid: fields.get(2)?.parse().ok()?,
                gid: fields.get(3)?.parse().ok()?,
                home: fields.get(5).copied().filter(|home| !home.is_empty()),
            })
        })
    }

    fn groups(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.trim().split(':').collect();
            Some((
                *fields.first()?,
                fields.get(2)?.parse().ok()?,
                fields.get(3).copied().unwrap_or_default(),
            ))
        })
    }

    fn group(&self, text: &str) -> Result<u32> {
        let number = id(text)?;
        if let Some((_, gid, _)) = self
            .groups()
            .find(|(name, gid, _)| *name == text || Some(*gid) == number)
        {
            return Ok(gid);
        }
        number.ok_or_else(|| {
            ApiError::invalid(format!(
                "unable to find group {text}: no matching entries in group file"
            ))
        })
    }

    fn memberships(&self, user: &str) -> Vec<u32> {
        let member =
            |members: &str| !user.is_empty() && members.split(',').any(|member| member == user);
        self.groups()
            .filter(|(_, _, members)| member(members))
            .map(|(_, gid, _)| gid)
            .collect()
    }
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: Option<&'a str>,
}

/// A number within the range of ids, `None` for a name.
fn id(text: &str) -> Result<Option<u32>> {
    const RANGE: core::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;
    match text.parse::<i64>() {
        Ok(number) if RANGE.contains(&number) => Ok(u32::try_from(number).ok()),
        Ok(_) => Err(ApiError::invalid(
            "uids and gids must be in range 0-2147483647",
        )),
        Err(_) => Ok(None),
    }
}

async fn file<S: Sys>(sys: &S, root: Fd, path: &[u8]) -> Result<String> {
    match open_in_root(sys, root, path, OpenFlags::RDONLY | OpenFlags::NONBLOCK).await {
        Ok(fd) => {
            let data = read_all(
                FdSource::new(sys, fd.fd()),
                "size of /etc/passwd or /etc/group in bytes",
                MAX_DATABASE,
            );
            Ok(String::from_utf8_lossy(&data.await?).into_owned())
        }
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(String::new()),
        Err(errno) => Err(ApiError::system(format!(
            "open /{}: {errno}",
            String::from_utf8_lossy(path)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn databases() -> Databases {
        Databases {
            passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/false\nbroken\n5:x:77:7::/five:\n".to_string(),
            group: "root:x:0:\nstaff:x:50:web,other\naudio:x:29:web\n".to_string(),
        }
    }

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        let find = |spec: &str| {
            let found = databases().find(spec, &[]).unwrap();
            (
                found.user.uid,
                found.user.gid,
                found.user.additional_gids,
                found.home,
            )
        };
        assert_eq!(find(""), (0, 0, vec![0], "/root".to_string()));
        assert_eq!(
            find("web"),
            (33, 34, vec![34, 50, 29], "/var/www".to_string())
        );
        assert_eq!(
            find("33"),
            (33, 34, vec![34, 50, 29], "/var/www".to_string())
        );
        assert_eq!(
            find("web:staff"),
            (33, 50, vec![50], "/var/www".to_string())
        );
        assert_eq!(find("1000:1001"), (1000, 1001, vec![1001], "/".to_string()));
        assert_eq!(
            find("1000:staff:0:x"),
            (1000, 50, vec![50], "/".to_string())
        );
        assert_eq!(find("5"), (77, 7, vec![7], "/five".to_string()));
    }

    #[test]
    fn unknown_names_get_dockers_message() {
        let error = |spec: &str| databases().find(spec, &[]).unwrap_err().message;
        assert_eq!(
            error("nobody"),
            "unable to find user nobody: no matching entries in passwd file"
        );
        assert_eq!(
            error("web:x"),
            "unable to find group x: no matching entries in group file"
        );
        assert_eq!(error("-1"), "uids and gids must be in range 0-2147483647");
    }

    #[test]
    fn further_groups_are_added_once() {
        let add = ["audio".to_string(), "1234".to_string()];
        assert_eq!(
            databases().find("web", &add).unwrap().user.additional_gids,
            [34, 50, 29, 1234]
        );
    }
}
