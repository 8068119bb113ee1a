//! From the raw bytes of a webhook to an event, for both dialects under both schemes.

use std::time::Duration;

use benches::BODY;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use sha2::Sha256;
use textproof::webhook::{
    Authentication, Dialect, Endpoint, EndpointSettings, HmacBody, Request, SecretEntry, Understood,
};

const SECRET: &str = "benchmark-secret-of-no-use-elsewhere";
const REPORT: &str = concat!(
    r#"{"type":"dlr","messageId":"MSG000000000001","from":"552","to":"+6421234567","status":"DELIVRD","#,
    r#""statusCode":1,"timestamp":1700000000}"#,
);
const RECEIVED: &str = concat!(
    r#"{"event":"message.received","messageId":"MO000000000001","from":"+6421234567","to":"+6421765432","#,
    r#""text":"Yes please, keep my appointment on Tuesday at half past nine","receivedAt":"2026-11-23T05:00:00Z"}"#,
);

fn verifying_and_understanding(criterion: &mut Criterion) {
    let payloads = [
        ("connexus_reply", Dialect::Connexus, BODY),
        ("connexus_report", Dialect::Connexus, REPORT),
        ("mobile_api_connect", Dialect::MobileApiConnect, RECEIVED),
    ];
    let mut group = criterion.benchmark_group("webhook");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (name, dialect, body) in payloads {
        let schemes = [Authentication::HmacBody(HmacBody::default()), Authentication::PathSecret {}];
        for endpoint in schemes.map(|scheme| endpoint(dialect, scheme)) {
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_with_input(BenchmarkId::new(endpoint.scheme_name(), name), body, |bencher, body| {
                let headers = signed(body.as_bytes());
                bencher.iter(|| understood(&endpoint, &headers, body.as_bytes()));
            });
        }
    }
    group.finish();
}

fn understood(endpoint: &Endpoint, headers: &HeaderMap, body: &[u8]) -> Understood {
    let request =
        Request { headers, path_secret: (!endpoint.signs_body()).then_some(SECRET), peer: None, body };
    let now = Timestamp::UNIX_EPOCH;
    let understood = endpoint.verify(&request, now).expect("an authentic request").understand(now);
    assert!(matches!(understood, Understood::Event { .. }), "{understood:?}");
    understood
}

fn endpoint(dialect: Dialect, authentication: Authentication) -> Endpoint {
    let secret = SecretEntry { id: "bench".into(), value: SECRET.into(), not_after: None };
    Endpoint::new(EndpointSettings {
        name: "bench".into(),
        tenant: "default".into(),
        dialect,
        authentication,
        secrets: vec![secret],
        addresses: None,
    })
    .expect("sound settings")
}

/// The headers of a request that is signed as the default settings of `hmac-body` expect.
fn signed(body: &[u8]) -> HeaderMap {
    let HmacBody { header, prefix, .. } = HmacBody::default();
    let key = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).expect("a key of any length");
    let mac = key.chain_update(body).finalize().into_bytes();
    let value = format!("{prefix}{}", HEXLOWER.encode(&mac));
    let value = HeaderValue::from_str(&value).expect("visible ASCII");
    HeaderMap::from_iter([(header, value)])
}

criterion_group!(group, verifying_and_understanding);
criterion_main!(group);
