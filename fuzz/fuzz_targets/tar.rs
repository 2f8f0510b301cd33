//! Any bytes as an archive, perhaps compressed: an error or entries, never a panic, never more than there is.
#![no_main]

use bytes::Bytes;
use futures_util::FutureExt;
use glassdock_image::compress::Decompressed;
use glassdock_image::tar::Reader;
use libfuzzer_sys::fuzz_target;

/// Bytes that one input may unpack to before it is given up.
const UNPACKED_MAX: usize = 1 << 24;

fuzz_target!(|bytes: &[u8]| {
    let read = async {
        let source = Decompressed::new(Bytes::copy_from_slice(bytes)).await?;
        let mut reader = Reader::new(source);
        let mut unpacked = 0;
        while reader.next().await?.is_some() {
            loop {
                let data = reader.data().await?;
                unpacked += data.len();
                if data.is_empty() || unpacked > UNPACKED_MAX {
                    break;
                }
            }
        }
        Ok::<(), glassdock_image::Error>(())
    };
    let _ = read.now_or_never().expect("bytes in memory never wait");
});
