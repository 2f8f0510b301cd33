//! postcard into a buffer that grows, run by run instead of byte by byte.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// Adds the encoding of a value to a buffer.
///
/// # Errors
/// A value that postcard has no encoding for, such as a sequence of unknown length; the buffer is as before.
pub fn encode<T: Serialize + ?Sized>(value: &T, buffer: &mut Vec<u8>) -> postcard::Result<()> {
    let before = buffer.len();
    postcard::serialize_with_flavor(value, Growing(buffer)).inspect_err(|_| buffer.truncate(before))
}

/// Bytes up to which a run is copied one by one: most are numbers, and in wasm the call that copies memory costs more
/// than they do.
const SHORT: usize = 10;

/// The flavor; postcard's own ones for growing buffers go through iterators.
struct Growing<'a>(&'a mut Vec<u8>);

impl Flavor for Growing<'_> {
    type Output = ();

    #[inline(always)]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }
    #[inline(always)]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() > SHORT {
            self.0.extend_from_slice(bytes);
        } else {
            for byte in bytes {
                self.0.push(*byte);
            }
        }
        Ok(())
    }
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
