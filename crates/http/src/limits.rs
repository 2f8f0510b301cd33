//! What a peer may ask of us at most.

/// Bytes of a request's head: Go's `http.DefaultMaxHeaderBytes`.
pub const MAX_HEAD_BYTES: usize = 1 << 20;
/// Header fields of a request.
pub const MAX_HEADERS: usize = 100;
/// Bytes of one line that tells a chunk's size: Go's `maxLineLength`.
pub const MAX_CHUNK_LINE_BYTES: usize = 4096;
/// Bytes of chunks' lines beyond those that their data allows: Go's limit.
pub const MAX_CHUNK_EXCESS_BYTES: u64 = 16 * 1024;
/// Bytes of all trailer fields after a chunked body.
pub const MAX_TRAILER_BYTES: usize = 64 * 1024;
/// Bytes of a body that a handler left unread, which are read away so that the connection can be kept: Go's 256 KiB.
pub const MAX_DRAIN_BYTES: u64 = 256 * 1024;
/// Bytes asked from the kernel at once.
pub const READ_BYTES: u64 = 64 * 1024;
/// Bytes given to the kernel at once.
pub const WRITE_BYTES: usize = 64 * 1024;
/// Nanoseconds from a request's first byte to the end of its head. dockerd has 5 minutes, and no limit of connections that those
/// who send nothing could use up.
pub const HEAD_TIMEOUT_NANOS: u64 = 30 * 1_000_000_000;
/// Nanoseconds until all of a document is there, from when it is asked for. Archives take as long as they take.
pub const DOCUMENT_TIMEOUT_NANOS: u64 = 30 * 1_000_000_000;
/// Nanoseconds until the next try where descriptors ran out.
pub const ACCEPT_RETRY_NANOS: u64 = 10_000_000;
/// Bytes of a head or body that the trace keeps.
pub const TRACE_BYTES: usize = 8 * 1024;
