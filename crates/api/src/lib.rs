//! Types of the Docker Engine API 1.51, as moby v28.5.2 (`api/types`) writes and reads them.
//!
//! The engine and the command line share them. Names of fields in JSON are moby's; so is what becomes `null`, what
//! becomes empty and what is left out: a Go slice, map or pointer that may be nil is an `Option` here, where `None` is
//! written as `null`, and fields that moby marks `omitempty` are left out when empty. When reading, a missing field and
//! `null` mean the same: the default, as in Go.

mod go;

pub mod container;
pub mod detach;
pub mod exec;
pub mod filters;
pub mod image;
pub mod inspect;
pub mod network;
pub mod stats;
pub mod stdcopy;
pub mod stream;
pub mod system;
pub mod version;

pub use go::{Empty, List, Map, StrSlice};

go_struct! {
    /// The body of every error response (`types.ErrorResponse`).
    pub struct ErrorResponse {
        /// What went wrong, as the client prints it after "Error response from daemon: ".
        pub message: String = "message",
    }
}

go_struct! {
    /// The id of something created (`common.IDResponse`).
    pub struct IdResponse {
        /// The full id.
        pub id: String = "Id",
    }
}

/// Media type of a raw stream, which a container with a terminal has.
pub const MEDIA_TYPE_RAW_STREAM: &str = "application/vnd.docker.raw-stream";
/// Media type of a stream in frames ([`stdcopy`]), which a container without a terminal has.
pub const MEDIA_TYPE_MULTIPLEXED_STREAM: &str = "application/vnd.docker.multiplexed-stream";
