#![no_main]

#[path = "../../crates/core/tests/fuzz/keywords.rs"]
mod target;

use arbtest::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        target::text(text);
    }
    let _ = target::generated(&mut Unstructured::new(bytes));
});
