//! Layers that become directories.

use super::{DIR, Differences, FILE, HARD, SYM, archive, compare, fresh, sha, tree, unpack};
use glassdock_abi::{PathArg, Sys};
use glassdock_image::fs;
use tar::EntryType;

/// What is unpacked, and the tree that it becomes or the error in Docker's words.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("nothing", archive(&[]), ""),
        (
            "every kind of entry, with its attributes",
            archive(&[
                ("d/", DIR, "", b""),
                ("d/file", FILE, "", b"contents"),
                ("d/hard", HARD, "d/file", b""),
                ("sym", SYM, "d/file", b""),
                ("null", EntryType::Char, "", b""),
                ("fifo", EntryType::Fifo, "", b""),
                ("implied/deep/file", FILE, "", b"x"),
            ]),
            "d dir 1755 11:22\n\
             d/file file 4640 11:22 2 names \"contents\"\n\
             d/hard file 4640 11:22 2 names \"contents\"\n\
             fifo fifo 4640 11:22\n\
             implied dir 755 0:0 now\n\
             implied/deep dir 755 0:0 now\n\
             implied/deep/file file 4640 11:22 \"x\"\n\
             null char 4640 11:22 1:3\n\
             sym link 777 11:22 -> d/file",
        ),
        (
            "whiteouts become what overlayfs knows",
            archive(&[
                ("d/", DIR, "", b""),
                ("d/.wh.gone", FILE, "", b""),
                ("o/", DIR, "", b""),
                ("o/.wh..wh..opq", FILE, "", b""),
                ("o/new", FILE, "", b"n"),
            ]),
            "d dir 1755 11:22\n\
             d/gone char 600 11:22 now 0:0\n\
             o dir 1755 11:22 opaque\n\
             o/new file 4640 11:22 \"n\"",
        ),
        (
            "later entries replace earlier ones, directories join",
            archive(&[
                ("a/", DIR, "", b""),
                ("a/x", FILE, "", b"1"),
                ("a/", DIR, "", b""),
                ("b/", DIR, "", b""),
                ("b/y", FILE, "", b"1"),
                ("b", FILE, "", b"now a file"),
                ("c", FILE, "", b"1"),
                ("c/", DIR, "", b""),
                ("c/z", FILE, "", b"2"),
            ]),
            "a dir 1755 11:22\n\
             a/x file 4640 11:22 \"1\"\n\
             b file 4640 11:22 \"now a file\"\n\
             c dir 1755 11:22\n\
             c/z file 4640 11:22 \"2\"",
        ),
        (
            "a link to nothing",
            archive(&[("l", HARD, "/nope", b"")]),
            "link /nope /l: no such file or directory",
        ),
        (
            "a file as directory",
            archive(&[("x", FILE, "", b""), ("x/y", FILE, "", b"")]),
            "open /x/y: not a directory",
        ),
        (
            "a kind that no layer may carry",
            archive(&[("x", EntryType::GNUSparse, "", b"")]),
            "unhandled tar header type 83",
        ),
        (
            "a whiteout of nothing",
            archive(&[(".wh.", FILE, "", b"")]),
            "mknod /: file exists",
        ),
        (
            "a whiteout of the directory",
            archive(&[(".wh..", FILE, "", b"")]),
            "mknod /: file exists",
        ),
        (
            "a whiteout of the one above",
            archive(&[(".wh...", FILE, "", b"")]),
            "mknod /: file exists",
        ),
        (
            "an end in the middle of a file",
            archive(&[("x", FILE, "", &[7; 600])])[..1000].to_vec(),
            "unexpected EOF",
        ),
        (
            "a header that does not sum up",
            {
                let mut damaged = archive(&[("x", FILE, "", b"1"), ("y", FILE, "", b"2")]);
                damaged[1024] ^= 1;
                damaged
            },
            "archive/tar: invalid tar header",
        ),
        (
            "no archive",
            b"text\n".repeat(300),
            "archive/tar: invalid tar header",
        ),
    ]
}

/// Unpacks each into an empty directory below `base`.
pub async fn unpacked<S: Sys>(sys: S, base: PathArg) -> Differences {
    let mut differences = Vec::new();
    let root = base.join("root");
    for (case, data, expected) in cases() {
        fresh(&sys, &root).await.expect("a directory");
        let (digest, length) = (sha(&data), data.len() as u64);
        let told = match unpack(&sys, &root, data).await {
            Ok(unpacked) => {
                assert_eq!(unpacked.diff_id.to_string(), digest, "{case}");
                assert_eq!(unpacked.stream_size, length, "{case}");
                tree(&sys, &root).await.expect("a tree")
            }
            Err(error) => error.to_string(),
        };
        compare(&mut differences, case, &told, expected);
    }
    differences
}

/// Archives that try to reach beyond the directory, which is `root` in `outside`.
fn escapes(outside: &str) -> Vec<(&'static str, Vec<u8>)> {
    let secret = format!("{outside}/secret");
    vec![
        ("..", archive(&[("../escaped", FILE, "", b"x")])),
        ("absolute", archive(&[("/escaped", FILE, "", b"x")])),
        (
            "through a relative link",
            archive(&[("l", SYM, "..", b""), ("l/escaped", FILE, "", b"x")]),
        ),
        (
            "through an absolute link",
            archive(&[("l", SYM, outside, b""), ("l/escaped", FILE, "", b"x")]),
        ),
        (
            "through a link in a link",
            archive(&[
                ("a", SYM, "..", b""),
                ("b", SYM, "a/..", b""),
                ("b/escaped", FILE, "", b"x"),
            ]),
        ),
        (
            "through a directory that becomes a link",
            archive(&[
                ("d/", DIR, "", b""),
                ("d/f", FILE, "", b""),
                ("d", SYM, outside, b""),
                ("d/escaped", FILE, "", b"x"),
            ]),
        ),
        (
            "a whiteout",
            archive(&[("l", SYM, "..", b""), ("l/.wh.escaped", FILE, "", b"")]),
        ),
        (
            "over a link",
            archive(&[
                ("escaped", SYM, "../escaped", b""),
                ("escaped", FILE, "", b"x"),
            ]),
        ),
        (
            "a hard link to a file above",
            archive(&[("l", HARD, "../secret", b"")]),
        ),
        (
            "a hard link to an absolute name",
            archive(&[("l", HARD, &secret, b"")]),
        ),
    ]
}

/// Unpacks each and looks at what is beside the directory, which must be as it was.
pub async fn kept_inside<S: Sys>(sys: S, base: PathArg) -> Differences {
    let outside = base.join("outside");
    let (root, secret) = (outside.join("root"), outside.join("secret"));
    let mut differences = Vec::new();
    for (case, data) in escapes(&outside.to_string()) {
        fresh(&sys, &outside).await.expect("a directory");
        fresh(&sys, &root).await.expect("a directory");
        fs::write_atomic(&sys, &secret, b"secret", 0o600)
            .await
            .expect("a file");
        // An error is as good: nothing may be outside.
        let error = unpack(&sys, &root, data).await.err();
        let missing =
            error.is_some_and(|error| error.to_string().ends_with("no such file or directory"));
        if case.starts_with("a hard link") && !missing {
            differences.push(format!("{case}: something was linked"));
        }
        fs::remove_path(&sys, &root).await.expect("removed");
        let beside = tree(&sys, &outside).await.expect("a tree");
        compare(
            &mut differences,
            case,
            &beside,
            "secret file 600 0:0 now \"secret\"",
        );
    }
    differences
}
