//! Which devices a container may open: the controller of version 1. Version 2 has none in files.

use super::Group;
use super::settings::{MAX_SETTINGS, Setting};
use crate::plan::PlanError;
use glassdock_oci::runtime::DeviceRule;

type Result<T> = core::result::Result<T, PlanError>;

/// Devices that every container may use: those that it has, terminals of its own, and making any, since what is made can still
/// not be opened.
const ALLOWED: [(&str, Option<i64>, Option<i64>, &str); 11] = [
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    ("c", Some(1), Some(3), "rwm"),
    ("c", Some(1), Some(8), "rwm"),
    ("c", Some(1), Some(7), "rwm"),
    ("c", Some(5), Some(0), "rwm"),
    ("c", Some(1), Some(5), "rwm"),
    ("c", Some(1), Some(9), "rwm"),
    ("c", Some(5), Some(1), "rwm"),
    ("c", Some(136), None, "rwm"),
    ("c", Some(5), Some(2), "rwm"),
];

/// Which devices a new container may use: none, but for what the specification's rules say, and what every container may
/// use (as runc). For the controller of version 1; without it nothing is written.
///
/// # Errors
/// A rule that makes no sense.
pub(crate) fn device_settings(rules: &[DeviceRule], groups: &[Group]) -> Result<Vec<Setting>> {
    let Some(group) = groups.iter().find(|group| group.has("devices")) else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    let mut put = |rule: &DeviceRule, field: &str| {
        let file = if rule.allow {
            "devices.allow"
        } else {
            "devices.deny"
        };
        let value = device_rule(rule, field)?;
        all.push(Setting {
            path: group.file(file),
            value,
        });
        Ok(())
    };
    if rules.len() > MAX_SETTINGS {
        return Err(PlanError::invalid(
            "linux.resources.devices",
            format!("more than {MAX_SETTINGS} entries"),
        ));
    }
    put(&DeviceRule::default(), "linux.resources.devices")?;
    for (index, rule) in rules.iter().enumerate() {
        put(rule, &format!("linux.resources.devices[{index}]"))?;
    }
    for (kind, major, minor, access) in ALLOWED {
        let rule = DeviceRule {
            allow: true,
            kind: kind.to_owned(),
            major,
            minor,
            access: access.to_owned(),
        };
        put(&rule, "linux.resources.devices")?;
    }
    Ok(all)
}

/// A rule as the controller reads it: `c 1:3 rwm`, with `*` for all numbers.
fn device_rule(rule: &DeviceRule, field: &str) -> Result<String> {
    let kind = match &*rule.kind {
        "" | "a" => "a",
        kind @ ("c" | "b") => kind,
        other => {
            return Err(PlanError::invalid(
                format!("{field}.type"),
                format!("unknown device type {other:?}"),
            ));
        }
    };
    let number = |number: Option<i64>, name: &str| match number {
        None | Some(-1) => Ok("*".to_owned()),
        Some(number) => u32::try_from(number)
            .map(|number| number.to_string())
            .map_err(|_| {
                PlanError::invalid(
                    format!("{field}.{name}"),
                    format!("{number} is out of range"),
                )
            }),
    };
    let access = if rule.access.is_empty() {
        "rwm"
    } else {
        &rule.access
    };
    if !access.bytes().all(|b| b"rwm".contains(&b)) {
        return Err(PlanError::invalid(
            format!("{field}.access"),
            format!("{access:?} has other letters than r, w and m"),
        ));
    }
    Ok(format!(
        "{kind} {}:{} {access}",
        number(rule.major, "major")?,
        number(rule.minor, "minor")?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn groups(controller: &str) -> Vec<Group> {
        vec![Group {
            controllers: vec![controller.to_owned()],
            unified: false,
            mount: format!("/{controller}"),
            path: "/c".to_owned(),
            cpuset: None,
        }]
    }

    #[test]
    fn device_rules_stand_between_nothing_and_what_all_may_use() {
        let rules = json!([
            {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"},
            {"allow": false, "type": "b", "major": -1, "minor": -1, "access": "m"},
        ]);
        let rules: Vec<DeviceRule> = serde_json::from_value(rules).expect("rules");
        let written = |groups: &[Group]| -> Vec<String> {
            let all = device_settings(&rules, groups).expect("rules that make sense");
            all.iter()
                .map(|setting| format!("{}={}", setting.path, setting.value))
                .collect()
        };
        let lines = written(&groups("devices"));
        assert_eq!(
            lines[..4],
            [
                "/devices/c/devices.deny=a *:* rwm",
                "/devices/c/devices.allow=c 10:229 rw",
                "/devices/c/devices.deny=b *:* m",
                "/devices/c/devices.allow=c *:* m",
            ]
        );
        assert_eq!(lines.len(), 3 + ALLOWED.len());
        assert!(written(&groups("cpu")).is_empty());
    }

    #[test]
    fn device_rules_that_make_no_sense_are_refused_with_their_field() {
        for (rule, field) in [
            (json!({"allow": true, "type": "z"}), "type"),
            (json!({"allow": true, "access": "x"}), "access"),
            (json!({"allow": true, "major": -2}), "major"),
        ] {
            let rule: DeviceRule = serde_json::from_value(rule).expect("a rule");
            let error = device_settings(&[rule], &groups("devices")).expect_err("nonsense");
            assert_eq!(error.field, format!("linux.resources.devices[0].{field}"));
        }
    }
}
