use super::*;
use futures_util::FutureExt;

/// A source that hands out small pieces, so that no field arrives whole.
struct Pieces(Bytes, usize);

impl Source for Pieces {
    async fn chunk(&mut self) -> Result<Bytes> {
        let count = self.1.min(self.0.len());
        Ok(self.0.split_to(count))
    }
}

type Listed = Vec<(Entry, Vec<u8>)>;

fn list_in_pieces(data: &[u8], piece: usize) -> Result<Listed> {
    let source = Pieces(Bytes::copy_from_slice(data), piece);
    async move {
        let mut reader = Reader::new(source);
        let mut entries = Vec::new();
        while let Some(entry) = reader.next().await? {
            let data = crate::source::read_all(reader.contents(), "entry", 1 << 20).await?;
            entries.push((entry, data));
        }
        assert_eq!(reader.next().await?, None, "the end stays the end");
        Ok(entries)
    }
    .now_or_never()
    .unwrap()
}

fn list(data: &[u8]) -> Result<Listed> {
    list_in_pieces(data, usize::MAX)
}

fn header(path: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_mode(0o644);
    header.set_uid(1);
    header.set_gid(2);
    header.set_mtime(3);
    header.set_size(size);
    header.set_cksum();
    header
}

fn archive(entries: &[(Header, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (header, data) in entries {
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in records {
        let body = key.len() + value.len() + 3;
        let mut length = body + 1;
        while length != body + length.to_string().len() {
            length += 1;
        }
        out.extend_from_slice(format!("{length} {key}=").as_bytes());
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out
}

#[test]
fn entries_arrive_alike_however_the_stream_is_cut() {
    let data = archive(&[
        (header("dir/", EntryType::Directory, 0), b""),
        (header("dir/file", EntryType::Regular, 700), &[7; 700]),
        (header("empty", EntryType::Regular, 0), b""),
    ]);
    let whole = list(&data).unwrap();
    assert_eq!(whole.len(), 3);
    assert_eq!(whole[1].1, [7; 700]);
    assert_eq!(whole[1].0.uid, 1);
    assert_eq!(whole[1].0.mtime, Timespec { sec: 3, nsec: 0 });
    for piece in [1, 3, 511, 512, 513] {
        assert_eq!(
            list_in_pieces(&data, piece).unwrap(),
            whole,
            "pieces of {piece}"
        );
    }
}

#[test]
fn long_names_and_pax_records_go_before_the_header() {
    let long = "n/".repeat(150) + "x\0";
    let records = pax(&[
        ("path", b"p/a"),
        ("mtime", b"-1.25"),
        ("uid", b"70000"),
        ("SCHILY.xattr.security.capability", b"\x01\n=\x00"),
    ]);
    let entries = list(&archive(&[
        (
            header("././@LongLink", EntryType::GNULongName, long.len() as u64),
            long.as_bytes(),
        ),
        (header("short", EntryType::Regular, 1), b"1"),
        (
            header("pax_global_header", EntryType::XGlobalHeader, 13),
            b"13 path=gone\n",
        ),
        (
            header("PaxHeaders/a", EntryType::XHeader, records.len() as u64),
            &records,
        ),
        (header("a", EntryType::Regular, 0), b""),
        (header("after", EntryType::Regular, 0), b""),
    ]))
    .unwrap();
    assert_eq!(entries[0].0.path, &long.as_bytes()[..301]);
    assert_eq!(entries[0].1, b"1");
    let second = &entries[1].0;
    assert_eq!(
        (second.path.as_slice(), second.uid, second.gid),
        (&b"p/a"[..], 70000, 2)
    );
    assert_eq!(
        second.mtime,
        Timespec {
            sec: -2,
            nsec: 750_000_000
        }
    );
    assert_eq!(
        second.xattrs,
        [(b"security.capability".to_vec(), b"\x01\n=\x00".to_vec())]
    );
    assert_eq!(entries[2].0.path, b"after", "overrides are for one entry");
    assert!(entries[2].0.xattrs.is_empty());
}

#[test]
fn records_are_weighed_as_go_weighs_them() {
    let x = |records: &[(&str, &[u8])]| pax(records);
    let named = |name: &str| x(&[("path", name.as_bytes())]);
    let xattr = |name: &str| x(&[(&format!("SCHILY.xattr.{name}"), b"1")]);
    let empty = x(&[
        ("path", b""),
        ("size", b""),
        ("uid", b""),
        ("mtime", b""),
        ("GNU.sparse.name", b""),
    ]);
    const PAX: EntryType = EntryType::XHeader;
    const LONG: EntryType = EntryType::GNULongName;
    for (case, before, path, xattrs) in [
        (
            "empty values leave the header's",
            vec![(PAX, empty)],
            "f",
            0,
        ),
        (
            "the last records replace all",
            vec![(PAX, xattr("a")), (PAX, xattr("b"))],
            "f",
            1,
        ),
        (
            "a path goes with its records",
            vec![(PAX, named("p")), (PAX, xattr("b"))],
            "f",
            1,
        ),
        (
            "a long name wins",
            vec![(LONG, b"long\0".to_vec()), (PAX, named("p"))],
            "long",
            0,
        ),
        (
            "an empty long name does not",
            vec![(PAX, named("p")), (LONG, b"\0".to_vec())],
            "p",
            0,
        ),
    ] {
        let mut parts: Vec<(Header, &[u8])> = Vec::new();
        for (kind, data) in &before {
            parts.push((header("before", *kind, data.len() as u64), data));
        }
        parts.push((header("f", EntryType::Regular, 1), b"1"));
        let entries = list(&archive(&parts)).unwrap();
        let (entry, data) = &entries[0];
        assert_eq!(
            (entry.path.as_slice(), entry.xattrs.len()),
            (path.as_bytes(), xattrs),
            "{case}"
        );
        assert_eq!(
            (data.as_slice(), entry.uid, entry.mtime.sec),
            (&b"1"[..], 1, 3),
            "{case}"
        );
    }
    let sparse = x(&[("GNU.sparse.major", b"1")]);
    let data = archive(&[(header("x", PAX, sparse.len() as u64), &sparse)]);
    assert_eq!(list(&data), Err(Error::Sparse));
}

#[test]
fn the_end_may_be_ragged_as_go_allows() {
    let data = archive(&[(header("x", EntryType::Regular, 1), b"x")]);
    for (length, good) in [
        (0, true),
        (100, false),
        (512, false),
        (513, true),
        (700, true),
        (1024, true),
        (1536, true),
    ] {
        assert_eq!(list(&data[..length]).is_ok(), good, "{length} bytes");
    }
    let mut after = vec![0; 512];
    after.extend_from_slice(header("x", EntryType::Regular, 0).as_bytes());
    assert_eq!(
        list(&after),
        Err(Error::TarHeader),
        "one block of zeros is no end"
    );
}

#[test]
fn numbers_may_be_left_out() {
    let mut blank = Header::new_old();
    blank.as_old_mut().name[0] = b'x';
    blank.set_cksum();
    let entries = list(&archive(&[(blank, b"")])).unwrap();
    let entry = &entries[0].0;
    assert_eq!((entry.mode, entry.uid, entry.gid, entry.size), (0, 0, 0, 0));
}

#[test]
fn what_is_no_archive_is_refused() {
    assert_eq!(list(b"garbage\n"), Err(Error::UnexpectedEof));
    assert_eq!(list(&[b'x'; 2000]), Err(Error::TarHeader));
    assert_eq!(
        list(&archive(&[(header("x", EntryType::new(b'S'), 0), b"")])),
        Err(Error::TarType(83))
    );
    let huge = header("L", EntryType::GNULongName, MAX_SPECIAL + 1);
    assert_eq!(list(&archive(&[(huge, b"")])), Err(Error::TarHeader));
    for records in [
        "5 a=\n",
        "x path=\n",
        "9999 path=a\n",
        "10 path:a\n",
        "9 size=x\n",
    ] {
        let data = archive(&[(
            header("p", EntryType::XHeader, records.len() as u64),
            records.as_bytes(),
        )]);
        assert_eq!(list(&data).is_err(), records != "5 a=\n", "{records:?}");
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data: Vec<u8>) {
        let _ = list(&data);
    }

    #[test]
    fn arbitrary_headers_with_a_right_checksum_never_panic(
        mut block in proptest::collection::vec(proptest::num::u8::ANY, 512),
        kind in proptest::sample::select(b"0123456LKxgS".to_vec()),
        tail in proptest::collection::vec(proptest::num::u8::ANY, 0..2048),
    ) {
        block[156] = kind;
        block[124..136].copy_from_slice(b"00000000100\0");
        let mut header = Header::from_byte_slice(&block).clone();
        header.set_cksum();
        let data = [header.as_bytes().as_slice(), &tail].concat();
        let _ = list(&data);
    }

    #[test]
    fn arbitrary_pax_records_never_panic(data: Vec<u8>) {
        let _ = Overrides::of_pax(&data);
    }
}
