//! Documents of the OCI specifications as Rust types.
//!
//! [`runtime`] is `config.json` and the state of the runtime specification 1.2; [`image`] is the manifest, index and
//! image configuration of the image specification 1.1; [`Digest`] is the checked `algorithm:encoded` form, [`Reference`]
//! the name of an image. Fields that are not known are ignored on reading, as both specifications ask for under
//! "Extensibility". Absent and empty are told apart only where a runtime must tell them apart.

mod digest;
pub mod image;
pub mod reference;
pub mod runtime;

pub use digest::{Digest, DigestError};
pub use reference::Reference;
