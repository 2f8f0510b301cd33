//! Bytes, and words of flags, as C programs and `strace` spell them.

/// Longest text of bytes or string that is written out, in bytes; the rest is left out with `...`.
const TEXT_LIMIT: usize = 4096;

/// Bytes as a quoted text with escapes.
pub(super) fn quote(out: &mut String, bytes: &[u8]) {
    let kept = &bytes[..bytes.len().min(TEXT_LIMIT)];
    out.push('"');
    let mut at = 0;
    for chunk in kept.utf8_chunks() {
        for letter in chunk.valid().chars() {
            at += letter.len_utf8();
            match letter {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                letter if letter.is_control() => {
                    let mut encoded = [0; 4];
                    for byte in letter.encode_utf8(&mut encoded).bytes() {
                        escape(out, byte, kept.get(at));
                    }
                }
                letter => out.push(letter),
            }
        }
        for byte in chunk.invalid() {
            at += 1;
            escape(out, *byte, kept.get(at));
        }
    }
    out.push('"');
    if kept.len() < bytes.len() {
        out.push_str("...");
    }
}

/// A byte in octal, in three digits where a digit follows that would be taken for one of it.
fn escape(out: &mut String, byte: u8, next: Option<&u8>) {
    out.push('\\');
    let long = next.is_some_and(u8::is_ascii_digit);
    for (shift, least) in [(6, 0o100), (3, 0o10), (0, 0)] {
        if long || byte >= least {
            out.push(char::from_digit(u32::from(byte) >> shift & 7, 8).unwrap_or('?'));
        }
    }
}

/// The prefix that the names of a flag word have in C.
pub(super) fn prefix(word: &str) -> &'static str {
    match word {
        "OpenFlags" => "O_",
        "ResolveFlags" => "RESOLVE_",
        "AtFlags" => "AT_",
        "RenameFlags" => "RENAME_",
        "CloneFlags" => "CLONE_",
        "MountFlags" => "MS_",
        "UmountFlags" => "MNT_",
        "OpenTreeFlags" => "OPEN_TREE_",
        "MoveMountFlags" => "MOVE_MOUNT_",
        "MountAttrFlags" => "MOUNT_ATTR_",
        "PollEvents" => "POLL",
        "MsgFlags" => "MSG_",
        "MemfdFlags" => "MFD_",
        "XattrFlags" => "XATTR_",
        "CloseRangeFlags" => "CLOSE_RANGE_",
        "WaitFlags" => "W",
        _ => "",
    }
}

/// Flags as bitflags writes them (`A | B | 0x4`), in C's names.
pub(super) fn flags(out: &mut String, word: &str, names: &str) {
    let start = out.len();
    if word == "OpenFlags" && !names.contains("WRONLY") && !names.contains("RDWR") {
        out.push_str("O_RDONLY");
    }
    for name in names.split(" | ").filter(|name| !name.is_empty()) {
        if out.len() > start {
            out.push('|');
        }
        if !name.starts_with("0x") {
            out.push_str(match (word, name) {
                // The others are those of all calls that take a directory and a path.
                ("OpenTreeFlags", name) if !matches!(name, "CLONE" | "CLOEXEC") => {
                    prefix("AtFlags")
                }
                _ => prefix(word),
            });
        }
        out.push_str(name);
    }
    if out.len() == start {
        out.push('0');
    }
}
