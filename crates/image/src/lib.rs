//! OCI images: what they are made of, how archives carry them, and how a layer becomes a directory.
//!
//! Everything that needs no kernel is pure ([`digest`], [`config`], [`tar`]); what does
//! goes through [`glassdock_abi::Sys`] ([`layer`], [`archive`], [`fs`]). Archives are read as a stream of chunks
//! ([`Source`]): no part of one is held in memory but its small documents, and a layer is unpacked while it arrives.

pub mod archive;
pub mod compress;
pub mod config;
pub mod digest;
mod error;
pub mod fs;
pub mod layer;
pub mod source;
pub mod tar;

pub use error::{Error, Result, errno_text};
pub use glassdock_oci::image::ImageConfig;
pub use glassdock_oci::{Digest, Reference};
pub use source::Source;
