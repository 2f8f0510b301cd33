//! Values as text, in `strace`'s manner: a [`Serializer`] that writes what a value holds. So every call, result and
//! change is shown with its fields by name, and none needs code of its own here.

mod outermost;
mod whole;
mod words;

use outermost::FieldsOf;
use serde::ser::{self, Serialize};
use std::fmt;
use whole::Text;

/// A value as text: `{flags=O_RDONLY|O_CLOEXEC, mode=0644}`.
pub fn text<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = String::new();
    // Nothing here fails.
    let _ = value.serialize(Text {
        out: &mut out,
        octal: false,
    });
    out
}

/// The fields of an enum's variant or a struct, by name, each as text.
pub fn fields<T: Serialize + ?Sized>(value: &T) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let mut ignored = String::new();
    let _ = value.serialize(FieldsOf {
        out: &mut out,
        text: &mut ignored,
    });
    out
}

/// Bytes as a quoted text with escapes, as `strace` prints a buffer.
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = String::new();
    words::quote(&mut out, bytes);
    out
}

/// Serialization that cannot fail.
#[derive(Debug)]
pub struct Never;

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
impl std::error::Error for Never {}
impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Never
    }
}

type Done = Result<(), Never>;

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_abi::call::FcntlCmd;
    use glassdock_abi::flags::{MountFlags, OpenFlags, ResolveFlags};
    use glassdock_abi::types::OpenHow;
    use glassdock_abi::{Call, Fd, PathArg, Ret};

    fn line(call: &Call) -> String {
        let arguments: Vec<String> = fields(call)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{}({})", call.name(), arguments.join(", "))
    }

    #[test]
    fn a_call_is_shown_with_its_arguments_by_name() {
        let how = OpenHow {
            flags: OpenFlags::CREAT | OpenFlags::CLOEXEC,
            mode: 0o644,
            resolve: ResolveFlags::empty(),
        };
        for (call, expected) in [
            (
                Call::Openat2 {
                    dirfd: Fd::CWD,
                    path: "/etc/passwd".into(),
                    how,
                },
                r#"openat2(dirfd=AT_FDCWD, path="/etc/passwd", how={flags=O_RDONLY|O_CREAT|O_CLOEXEC, mode=0644, resolve=0})"#,
            ),
            (
                Call::Write {
                    fd: Fd(1),
                    data: b"a\n\x1b\xff".to_vec(),
                },
                r#"write(fd=1, data="a\n\33\377")"#,
            ),
            (
                Call::Mount {
                    source: PathArg::default(),
                    target: "/".into(),
                    fstype: Vec::new(),
                    flags: MountFlags::REC | MountFlags::PRIVATE,
                    data: Vec::new(),
                },
                r#"mount(source="", target="/", fstype="", flags=MS_REC|MS_PRIVATE, data="")"#,
            ),
            (
                Call::Execveat {
                    dirfd: Fd::CWD,
                    path: "/bin/sh".into(),
                    argv: vec![b"sh".to_vec(), b"-c".to_vec()],
                    envp: vec![],
                    flags: Default::default(),
                },
                r#"execveat(dirfd=AT_FDCWD, path="/bin/sh", argv=["sh", "-c"], envp=[], flags=0)"#,
            ),
            (
                Call::Fcntl {
                    fd: Fd(3),
                    cmd: FcntlCmd::SetFd(true),
                },
                "fcntl(fd=3, cmd=SetFd(true))",
            ),
            (
                Call::Mkdirat {
                    dirfd: Fd(5),
                    path: "dev".into(),
                    mode: 0o755,
                },
                r#"mkdirat(dirfd=5, path="dev", mode=0755)"#,
            ),
        ] {
            assert_eq!(line(&call), expected);
        }
    }

    #[test]
    fn a_result_is_shown_by_its_value() {
        assert_eq!(fields(&Ret::Fd(Fd(3))), [("Fd", "3".to_owned())]);
        assert_eq!(
            fields(&Ret::Bytes(b"root".to_vec())),
            [("Bytes", "\"root\"".to_owned())]
        );
        assert_eq!(fields(&Ret::None), []);
    }
}
