//! `images`: the busybox image and the simulated host's root file system, made from
//! Debian's package and never committed.

pub mod archive;
mod busybox;
mod rootfs;
mod tree;

use std::fs;
use std::io::Write;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};

use crate::paths::generated;
use archive::About;
use busybox::Busybox;

/// The image that a learner finds loaded.
const IMAGE: &str = "busybox.tar.gz";
/// The simulated host's root file system.
const HOST: &str = "host.tar.gz";

/// Makes the images where they are missing or made from something else.
///
/// # Errors
/// When Debian's package is neither installed nor to be had.
pub fn ensure() -> Result<()> {
    let stamp = generated().join("images/.made-from");
    let wanted = format!("{}\n{}", busybox::version()?, recipe());
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    make()?;
    fs::write(&stamp, wanted).context("remembering what the images were made from")?;
    Ok(())
}

/// Makes the images and prints their digests.
///
/// # Errors
/// As `ensure`.
pub fn make() -> Result<()> {
    let busybox = busybox::find()?;
    let folder = generated().join("images");
    fs::create_dir_all(&folder)?;
    let image = archive::save(&rootfs::image(&busybox), &about(&busybox), busybox.built)?;
    let host = rootfs::host(&busybox).tar(busybox.built)?;
    let files = [
        (IMAGE, gzip(&image)?),
        (HOST, gzip(&host)?),
        ("GPL-2.txt", busybox.licence.clone()),
        ("SOURCE.txt", rootfs::source_note(&busybox).into_bytes()),
    ];
    for (name, content) in &files {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| path.display().to_string())?;
        eprintln!(
            "  {} {:>9} B  images/{name}",
            archive::hex(content),
            content.len()
        );
    }
    Ok(())
}

/// The digest of this recipe's own source: changed code means images to make again.
fn recipe() -> String {
    let sources = [
        include_str!("images.rs"),
        include_str!("images/archive.rs"),
        include_str!("images/busybox.rs"),
        include_str!("images/rootfs.rs"),
        include_str!("images/tree.rs"),
    ];
    archive::hex(sources.concat().as_bytes())
}

fn about(busybox: &Busybox) -> About {
    About {
        reference: "busybox:latest",
        created: rfc3339(busybox.built),
        command: vec!["sh"],
        comment: format!(
            "Debian busybox-static, source {} {}",
            busybox.source, busybox.version
        ),
    }
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    // The header carries neither name nor time, so the bytes depend on the content alone.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// Seconds since 1970 as RFC 3339 in UTC, by the days-to-civil algorithm.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_date_prints_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_826_554, "2000-02-29T12:15:54Z"),
            (1_704_067_199, "2023-12-31T23:59:59Z"),
            (1_778_186_025, "2026-05-07T20:33:45Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    fn compressing_twice_gives_the_same_bytes() {
        let content = b"the same ".repeat(1000);
        assert_eq!(gzip(&content).unwrap(), gzip(&content).unwrap());
    }
}
