#![no_main]

#[path = "../../crates/core/tests/fuzz/webhook_signature.rs"]
mod target;

use arbtest::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use target::{BASIC, GITHUB, HEADER_SECRET, HMAC_BODY, PATH_SECRET, SLACK, STANDARD_WEBHOOKS, STRIPE};

// A text is held against every scheme; what is made on purpose is of the scheme that the first byte chooses.
fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        target::text::<HMAC_BODY>(text);
        target::text::<STANDARD_WEBHOOKS>(text);
        target::text::<GITHUB>(text);
        target::text::<STRIPE>(text);
        target::text::<SLACK>(text);
        target::text::<PATH_SECRET>(text);
        target::text::<BASIC>(text);
        target::text::<HEADER_SECRET>(text);
    }
    let Some((scheme, rest)) = bytes.split_first() else { return };
    let mut u = Unstructured::new(rest);
    let _ = match scheme % 8 {
        0 => target::generated::<HMAC_BODY>(&mut u),
        1 => target::generated::<STANDARD_WEBHOOKS>(&mut u),
        2 => target::generated::<GITHUB>(&mut u),
        3 => target::generated::<STRIPE>(&mut u),
        4 => target::generated::<SLACK>(&mut u),
        5 => target::generated::<PATH_SECRET>(&mut u),
        6 => target::generated::<BASIC>(&mut u),
        _ => target::generated::<HEADER_SECRET>(&mut u),
    };
});
