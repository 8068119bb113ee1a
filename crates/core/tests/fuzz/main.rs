//! Fuzzing on stable Rust: what strangers type, what texts are made of and what gateways post.
//!
//! Every target replays its corpus (`corpus/*.jsonl`, one JSON string a line), then searches for
//! `TEXTPROOF_FUZZ_SECONDS` (10 by default). A failure prints a seed; `ARBTEST_SEED=0x… cargo test -p
//! textproof-core --test fuzz TARGET` repeats it. What was found belongs into the corpus. `fuzz/run` runs the
//! same targets under libFuzzer.

mod bodies;
mod code;
mod dialects;
mod json;
mod keywords;
mod phone;
mod sms_text;
mod spellings;
mod target;
mod webhook_headers;
mod webhook_signature;

use target::Target;

#[test]
fn phones() {
    Target { corpus: include_str!("corpus/phone.jsonl"), text: phone::text, generated: phone::generated }
        .run();
}

#[test]
fn codes() {
    Target { corpus: include_str!("corpus/code.jsonl"), text: code::text, generated: code::generated }.run();
}

#[test]
fn keywords() {
    let target = Target {
        corpus: include_str!("corpus/keywords.jsonl"),
        text: keywords::text,
        generated: keywords::generated,
    };
    target.run();
}

#[test]
fn texts() {
    let target = Target {
        corpus: include_str!("corpus/sms_text.jsonl"),
        text: sms_text::text,
        generated: sms_text::generated,
    };
    target.run();
}

#[test]
fn bodies_as_json() {
    Target { corpus: include_str!("corpus/json.jsonl"), text: json::text, generated: json::generated }.run();
}

#[test]
fn bodies_in_every_dialect() {
    let target = Target {
        corpus: include_str!("corpus/dialects.jsonl"),
        text: dialects::text,
        generated: dialects::generated,
    };
    target.run();
}

#[test]
fn webhook_headers() {
    let target = Target {
        corpus: include_str!("corpus/webhook_headers.jsonl"),
        text: webhook_headers::text,
        generated: webhook_headers::generated,
    };
    target.run();
}

/// One scheme's verifier.
fn verifier<const SCHEME: usize>() {
    let target = Target {
        corpus: include_str!("corpus/webhook_signature.jsonl"),
        text: webhook_signature::text::<SCHEME>,
        generated: webhook_signature::generated::<SCHEME>,
    };
    target.run();
}

#[test]
fn hmac_body_webhooks() {
    verifier::<{ webhook_signature::HMAC_BODY }>();
}

#[test]
fn standard_webhooks() {
    verifier::<{ webhook_signature::STANDARD_WEBHOOKS }>();
}

#[test]
fn github_webhooks() {
    verifier::<{ webhook_signature::GITHUB }>();
}

#[test]
fn stripe_webhooks() {
    verifier::<{ webhook_signature::STRIPE }>();
}

#[test]
fn slack_webhooks() {
    verifier::<{ webhook_signature::SLACK }>();
}

#[test]
fn path_secret_webhooks() {
    verifier::<{ webhook_signature::PATH_SECRET }>();
}

#[test]
fn basic_webhooks() {
    verifier::<{ webhook_signature::BASIC }>();
}

#[test]
fn header_secret_webhooks() {
    verifier::<{ webhook_signature::HEADER_SECRET }>();
}
