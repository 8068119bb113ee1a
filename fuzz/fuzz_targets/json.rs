#![no_main]

#[path = "../../crates/core/tests/fuzz/bodies.rs"]
mod bodies;
#[path = "../../crates/core/tests/fuzz/json.rs"]
mod target;

use arbtest::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    target::bytes(bytes);
    let _ = target::generated(&mut Unstructured::new(bytes));
});
