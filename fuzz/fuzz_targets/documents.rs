//! Any bytes as what clients, images and pages send: messages, bodies, configurations, names.
#![no_main]

use glassdock_api::container::CreateRequest;
use glassdock_api::filters::Filters;
use glassdock_image::{ImageConfig, Reference};
use glassdock_oci::image::{Index, Manifest};
use glassdock_playground::protocol::{FromMachine, ToMachine, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode::<ToMachine>(bytes);
    let _ = decode::<FromMachine>(bytes);
    let _ = serde_json::from_slice::<CreateRequest>(bytes);
    let _ = serde_json::from_slice::<ImageConfig>(bytes);
    let _ = serde_json::from_slice::<Manifest>(bytes);
    let _ = serde_json::from_slice::<Index>(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Filters::decode(text);
        if let Ok(reference) = Reference::parse(text) {
            assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }
    }
});
