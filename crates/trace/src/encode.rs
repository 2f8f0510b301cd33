//! postcard into a buffer that grows, run by run instead of byte by byte.

use crate::{Layer, SpanId};
use glassdock_abi::Call;
use postcard::ser_flavors::Flavor;
use serde::ser::{Serialize, SerializeStructVariant, Serializer};

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

/// [`EventKind::Enter`](crate::EventKind::Enter) of a system call, with arguments that are another's.
pub(crate) struct EnterCall<'a> {
    pub span: SpanId,
    pub parent: Option<SpanId>,
    pub pid: i32,
    pub name: &'static str,
    pub call: &'a Call,
}

impl Serialize for EnterCall<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut enter = serializer.serialize_struct_variant("EventKind", 0, "Enter", 7)?;
        enter.serialize_field("span", &self.span)?;
        enter.serialize_field("parent", &self.parent)?;
        enter.serialize_field("cause", &None::<SpanId>)?;
        enter.serialize_field("layer", &Layer::Syscall)?;
        enter.serialize_field("pid", &self.pid)?;
        enter.serialize_field("name", self.name)?;
        enter.serialize_field("args", &CallArgs(self.call))?;
        enter.end()
    }
}

/// [`Args::Call`](crate::Args::Call).
struct CallArgs<'a>(&'a Call);

impl Serialize for CallArgs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("Args", 1, "Call", self.0)
    }
}
