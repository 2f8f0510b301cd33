//! Bodies that are not what they should be: read or refused, never a panic.

use glassdock_api::container::{CreateRequest, Summary, WaitResponse};
use glassdock_api::exec::ExecInspect;
use glassdock_api::image::{ImageInspect, Summary as ImageSummary};
use glassdock_api::inspect::ContainerInspect;
use glassdock_api::network::Network;
use glassdock_api::stream::{Event, JsonMessage};
use glassdock_api::system::{Info, Version};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DOCUMENTS: [&str; 4] = [
    include_str!("recorded/create-0.json"),
    include_str!("recorded/container.json"),
    include_str!("recorded/image.json"),
    include_str!("recorded/event.json"),
];

/// What is put where something else was.
fn replacement(at: usize) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(u64::MAX),
        json!(1e300),
        json!(0.5),
        json!(""),
        json!("\u{0}é"),
        json!("80/tcp"),
        json!([]),
        json!([[null]]),
        json!({}),
        json!({"": {}}),
        json!({"80/tcp": null}),
        json!([1, "a", {}]),
    ];
    all[at % all.len()].clone()
}

/// Replaces the `n`th value of a document, counted from the outside in.
fn replace(value: &mut Value, n: &mut usize, new: &Value) -> bool {
    if *n == 0 {
        *value = new.clone();
        return true;
    }
    *n -= 1;
    match value {
        Value::Object(fields) => fields.values_mut().any(|value| replace(value, n, new)),
        Value::Array(items) => items.iter_mut().any(|value| replace(value, n, new)),
        _ => false,
    }
}

/// What could be read is written, and read as the same.
fn reads<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    if let Ok(read) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_value(&read).expect("what was read is written");
        let again: T = serde_json::from_value(written.clone()).expect("what was written is read");
        assert_eq!(serde_json::to_value(&again).expect("written"), written);
    }
}

fn read_as_everything(bytes: &[u8]) {
    reads::<CreateRequest>(bytes);
    reads::<ContainerInspect>(bytes);
    reads::<Summary>(bytes);
    reads::<WaitResponse>(bytes);
    reads::<ExecInspect>(bytes);
    reads::<ImageInspect>(bytes);
    reads::<ImageSummary>(bytes);
    reads::<Network>(bytes);
    reads::<Event>(bytes);
    reads::<JsonMessage>(bytes);
    reads::<Info>(bytes);
    reads::<Version>(bytes);
}

proptest! {
    #[test]
    fn documents_with_other_values_are_read_or_refused(document in 0..DOCUMENTS.len(), places in prop::collection::vec((0..120_usize, 0..100_usize), 1..5)) {
        let mut value: Value = serde_json::from_str(DOCUMENTS[document]).unwrap();
        for (place, new) in places {
            replace(&mut value, &mut place.clone(), &replacement(new));
        }
        read_as_everything(value.to_string().as_bytes());
    }

    #[test]
    fn documents_that_are_cut_or_spoilt_are_read_or_refused(document in 0..DOCUMENTS.len(), cut: prop::sample::Index, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5)) {
        let mut bytes = DOCUMENTS[document].as_bytes().to_vec();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        read_as_everything(&bytes);
    }
}
