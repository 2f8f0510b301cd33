//! `--volume` and `--mount` (docker/cli `opts/mount.go`, `cli/compose/loader/volume.go`).

use glassdock_api::Empty;
use glassdock_api::container::{
    BindOptions, ImageOptions, Mount, MountDriver, TmpfsOptions, VolumeOptions,
};
use std::collections::BTreeMap;

/// Binds, and anonymous volumes by their paths.
pub type Volumes = (Option<Vec<String>>, BTreeMap<String, Empty>);

/// `--volume` values: binds in order, and anonymous volumes.
pub fn volumes(values: &[String]) -> Result<Volumes, String> {
    let (mut binds, mut anonymous) = (None::<Vec<String>>, BTreeMap::new());
    // The real command keeps them in a set, so the order there is chance; ours is the text's.
    let sorted: std::collections::BTreeSet<_> = values.iter().collect();
    for spec in sorted {
        match has_source(spec)? {
            true => binds.get_or_insert_default().push(spec.clone()),
            false => drop(anonymous.insert(spec.clone(), Empty {})),
        }
    }
    Ok((binds, anonymous))
}

fn has_source(spec: &str) -> Result<bool, String> {
    let wrong = |why: &str| Err(format!("invalid spec: {spec}: {why}"));
    match spec.len() {
        0 => return Err("invalid empty volume spec".to_owned()),
        1 | 2 => return Ok(false),
        _ => {}
    }
    let parts = sections(spec);
    if parts.iter().any(String::is_empty) {
        return wrong("empty section between colons");
    }
    if parts.len() > 3 {
        return wrong("too many colons");
    }
    Ok(parts.len() > 1)
}

/// The parts between colons; a single letter before one counts as a drive of Windows, as for the real command.
fn sections(spec: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    for c in spec.chars() {
        let drive = part.len() == 1 && part.starts_with(|c: char| c.is_ascii_alphabetic());
        match c {
            ':' if !drive => parts.push(core::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    parts
}

/// One `--mount`.
pub fn parse(value: &str) -> Result<Mount, String> {
    let mut mount = Mount {
        kind: "volume".into(),
        ..Mount::default()
    };
    for field in fields(value)? {
        set(&mut mount, &field)?;
    }
    check(&mount)?;
    Ok(mount)
}

/// The fields of one line of comma-separated values, quotes undone.
fn fields(value: &str) -> Result<Vec<String>, String> {
    if value.is_empty() {
        return Err("EOF".to_owned());
    }
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            '"' => {
                return Err(
                    "parse error on line 1, column 1: bare \" in non-quoted-field".to_owned(),
                );
            }
            ',' if !quoted => fields.push(core::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if quoted {
        return Err(
            "parse error on line 1, column 1: extraneous or missing \" in quoted-field".to_owned(),
        );
    }
    fields.push(field);
    Ok(fields)
}

fn set(mount: &mut Mount, field: &str) -> Result<(), String> {
    let Some((key, value)) = field.split_once('=') else {
        match field.to_lowercase().as_str() {
            "readonly" | "ro" => mount.read_only = true,
            "volume-nocopy" => volume(mount).no_copy = true,
            "bind-nonrecursive" => bind(mount).non_recursive = true,
            _ => return Err(format!("invalid field '{field}' must be a key=value pair")),
        }
        return Ok(());
    };
    let key = key.to_lowercase();
    let wrong = || format!("invalid value for {key}: {value}");
    match key.as_str() {
        "type" => mount.kind = value.to_lowercase(),
        "source" | "src" => mount.source = value.to_owned(),
        "target" | "dst" | "destination" => mount.target = value.to_owned(),
        "readonly" | "ro" => mount.read_only = boolean(value).ok_or_else(wrong)?,
        "consistency" => mount.consistency = value.to_lowercase(),
        "bind-propagation" => bind(mount).propagation = value.to_lowercase(),
        "bind-nonrecursive" => bind(mount).non_recursive = boolean(value).ok_or_else(wrong)?,
        "bind-recursive" => match value {
            "enabled" => {}
            "disabled" => bind(mount).non_recursive = true,
            "writable" => bind(mount).read_only_non_recursive = true,
            "readonly" => bind(mount).read_only_force_recursive = true,
            _ => {
                let words = r#"(must be "enabled", "disabled", "writable", or "readonly")"#;
                return Err(format!("{} {words}", wrong()));
            }
        },
        "volume-subpath" => volume(mount).subpath = value.to_owned(),
        "volume-nocopy" => volume(mount).no_copy = boolean(value).ok_or_else(wrong)?,
        "volume-label" => pair(volume(mount).labels.get_or_insert_default(), value),
        "volume-driver" => {
            volume(mount).driver_config.get_or_insert_default().name = value.to_owned()
        }
        "volume-opt" => {
            let driver = volume(mount).driver_config.get_or_insert_default();
            pair(driver.options.get_or_insert_default(), value);
        }
        "image-subpath" => {
            mount
                .image_options
                .get_or_insert_with(ImageOptions::default)
                .subpath = value.to_owned();
        }
        "tmpfs-size" => {
            tmpfs(mount).size_bytes = crate::units::ram_in_bytes(value).map_err(|_| wrong())?
        }
        "tmpfs-mode" => tmpfs(mount).mode = u32::from_str_radix(value, 8).map_err(|_| wrong())?,
        _ => return Err(format!("unexpected key '{key}' in '{field}'")),
    }
    Ok(())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

fn pair(map: &mut BTreeMap<String, String>, text: &str) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if !key.is_empty() {
        map.insert(key.to_owned(), value.to_owned());
    }
}

fn volume(mount: &mut Mount) -> &mut VolumeOptions {
    let options = mount.volume_options.get_or_insert_default();
    options
        .driver_config
        .get_or_insert_with(MountDriver::default);
    options
}
fn bind(mount: &mut Mount) -> &mut BindOptions {
    mount.bind_options.get_or_insert_default()
}
fn tmpfs(mount: &mut Mount) -> &mut TmpfsOptions {
    mount.tmpfs_options.get_or_insert_default()
}

fn check(mount: &Mount) -> Result<(), String> {
    if mount.kind.is_empty() {
        return Err("type is required".to_owned());
    }
    if mount.target.is_empty() {
        return Err("target is required".to_owned());
    }
    for (prefix, there, kind) in [
        ("volume", mount.volume_options.is_some(), "volume"),
        ("image", mount.image_options.is_some(), "image"),
        ("bind", mount.bind_options.is_some(), "bind"),
        ("tmpfs", mount.tmpfs_options.is_some(), "tmpfs"),
    ] {
        if there && mount.kind != kind {
            return Err(format!(
                "cannot mix '{prefix}-*' options with mount type '{}'",
                mount.kind
            ));
        }
    }
    let Some(bind) = &mount.bind_options else {
        return Ok(());
    };
    let needs = |how: &str, what: &str| {
        Err(format!(
            "option 'bind-recursive={how}' requires '{what}' to be specified in conjunction"
        ))
    };
    match () {
        () if bind.read_only_non_recursive && !mount.read_only => needs("writable", "readonly"),
        () if bind.read_only_force_recursive && !mount.read_only => needs("readonly", "readonly"),
        () if bind.read_only_force_recursive && bind.propagation != "rprivate" => {
            needs("readonly", "bind-propagation=rprivate")
        }
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_field_by_field() {
        let mount = parse(r#"type=bind,src=/a,"dst=/b,c",ro,bind-propagation=RSLAVE"#).unwrap();
        assert_eq!(
            (
                mount.kind.as_str(),
                mount.source.as_str(),
                mount.target.as_str()
            ),
            ("bind", "/a", "/b,c")
        );
        assert!(mount.read_only);
        assert_eq!(mount.bind_options.unwrap().propagation, "rslave");
        assert_eq!(
            parse("type=tmpfs,dst=/t,tmpfs-size=1k,tmpfs-mode=1777")
                .unwrap()
                .tmpfs_options
                .unwrap()
                .mode,
            0o1777
        );
    }

    #[test]
    fn wrong_mounts_are_refused() {
        for (value, error) in [
            ("type=bind", "target is required"),
            ("x", "invalid field 'x' must be a key=value pair"),
            ("x=1,dst=/a", "unexpected key 'x' in 'x=1'"),
            (
                "type=tmpfs,dst=/a,volume-nocopy",
                "cannot mix 'volume-*' options with mount type 'tmpfs'",
            ),
            ("dst=/a,ro=maybe", "invalid value for ro: maybe"),
            ("", "EOF"),
        ] {
            assert_eq!(parse(value).unwrap_err(), error, "{value}");
        }
        assert_eq!(
            volumes(&["ab::c".into()]).unwrap_err(),
            "invalid spec: ab::c: empty section between colons"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(value in "[a-z=,\"/:-]{0,30}") {
            let _ = parse(&value);
            let _ = volumes(&[value]);
        }
    }
}
