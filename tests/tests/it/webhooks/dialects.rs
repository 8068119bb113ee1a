//! What bodies mean, over HTTP: spellings of one event, payloads of any relay, and what nobody can read.

use std::sync::Arc;

use test_support::{Process, TestRedis, eventually_true};
use textproof::{
    store::{Order, Store},
    stream::Quarantine,
};

use crate::{
    fixture::{
        EVENTS, PATH_SECRET, PATIENCE, QUARANTINE, World, delivered, http, post, reply, signature, websms,
    },
    webhooks::counts::{counted, stored},
};

const RELAYS: &str = r#"
[[endpoint]]
name = "relay"
dialect = "generic"
auth = { scheme = "path-secret" }
secrets = [{ id = "a", value = "PATH_SECRET" }]
[endpoint.pointers]
type = "/event"
reply_types = ["inbound"]
report_types = ["status"]
message_id = "/data/id"
from = "/data/from"
to = "/data/to"
text = "/data/text"
timestamp = "/at"
status = "/data/state"

[[endpoint]]
name = "anything"
dialect = "generic"
auth = { scheme = "path-secret" }
secrets = [{ id = "a", value = "PATH_SECRET" }]
"#;

fn relay(ingest: &Process, name: &str) -> String {
    format!("{}/hooks/{name}/{PATH_SECRET}", ingest.url())
}

#[tokio::test]
async fn one_connexus_webhook_is_one_event_however_it_is_spelt() {
    let world = World::start().await;
    let ingests = [world.binary("webhook-ingest").listen().await];
    let (http, url) = (http(), websms(&ingests[0]));
    let reply = reply("456", "+64211234567", "hello", 1_234_567_890);
    let report = delivered("789");
    for (kind, first, spellings) in [
        (
            "reply",
            &reply,
            vec![
                ("\"mo\"", "\"SMS\""),
                ("+64", "64"),
                ("\"456\"", "456"),
                (":1234567890", ":\"1234567890\""),
            ],
        ),
        (
            "report",
            &report,
            vec![("\"dlr\"", "\"DLR\""), ("\"789\"", "789"), (":1,", ":\"1\","), (",", " ,\n ")],
        ),
    ] {
        assert_eq!(post(&http, &url, first.clone()).await.0, 200);
        for (from, to) in spellings {
            let spelt = first.replace(from, to);
            assert_ne!(&spelt, first, "{kind}: {to}");
            assert_eq!(post(&http, &url, spelt).await.0, 200, "{kind}: {to}");
        }
    }
    assert_eq!((stored(&ingests, "new").await, stored(&ingests, "duplicate").await), (2, 8));
    // What came without a field of its own is kept: other content under the same identity.
    let extended = report.replace('}', r#","details":"x"}"#);
    assert_eq!(post(&http, &url, extended).await.0, 200);
    assert_eq!(stored(&ingests, "conflict").await, 1);
    let blocked = report.replace("\"DELIVRD\",\"statusCode\":1", "\"BLOCKED\",\"statusCode\":-1");
    assert_eq!(post(&http, &url, blocked).await.0, 200);
    assert_eq!((stored(&ingests, "new").await, world.depth(EVENTS).await), (3, 4));
}

#[tokio::test]
async fn what_nobody_can_read_the_same_way_is_kept_with_its_bytes_on_every_scheme() {
    let world = World::on(TestRedis::start().await, &RELAYS.replace("PATH_SECRET", PATH_SECRET));
    let ingest = world.binary("webhook-ingest").listen().await;
    let deep = |open: &str, n: usize| format!("{{\"type\":\"mo\",\"a\":{}", open.repeat(n)).into_bytes();
    let bodies: [(Vec<u8>, &str); 10] = [
        (br#"{"type":"mo","type":"dlr"}"#.to_vec(), "duplicate_key"),
        (br#"{"type":"mo","a":[{"b":1,"\u0062":2}]}"#.to_vec(), "duplicate_key"),
        (b"{\"type\":\"mo\",\"body\":\"\xff\"}".to_vec(), "not_utf8"),
        (deep("[", 60_000), "too_deep"),
        (deep("{\"a\":", 12_000), "too_deep"),
        (br#"{"type":"mo","messageId":99999999999999999999}"#.to_vec(), "number_out_of_range"),
        (format!("{{\"type\":1{}}}", "0".repeat(300)).into_bytes(), "number_out_of_range"),
        // More than any float holds: no JSON that a reader could keep.
        (format!("{{\"type\":1{}}}", "0".repeat(60_000)).into_bytes(), "malformed_json"),
        (br#"{"type":"mo","a":1e999}"#.to_vec(), "malformed_json"),
        (br#"{"type":"mo","body":"\ud800"}"#.to_vec(), "malformed_json"),
    ];
    let urls = [websms(&ingest), format!("{}/hooks/mac", ingest.url()), relay(&ingest, "anything")];
    for (body, reason) in &bodies {
        for url in &urls {
            let request = http().post(url).header("X-MAC-Signature", signature(body)).body(body.clone());
            assert_eq!(request.send().await.expect("an answer").status(), 200, "{reason} at {url}");
        }
    }
    let quarantine = Quarantine::new(Arc::new(world.store()) as Arc<dyn Store>);
    let kept = quarantine.page(Order::OldestFirst, None, 100).await.expect("the store answers");
    assert_eq!(kept.len(), bodies.len() * urls.len());
    for (entry, (body, reason)) in kept.iter().zip(bodies.iter().flat_map(|body| [body; 3])) {
        assert_eq!(&entry.reason, reason);
        assert!(entry.raw() == body, "{reason}: other bytes");
    }
    assert_eq!(world.depth(EVENTS).await, 0);
    // It is there for the next one.
    assert_eq!(post(&http(), &urls[0], delivered("after")).await.0, 200);
}

/// Only where nothing is signed is a body refused that is plainly no gateway's.
#[tokio::test]
async fn a_signed_body_is_kept_whatever_it_is() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let bodies = ["", " \n", "not JSON", "[]", "{}", r#"{"event":null}"#, "\u{feff}{}"];
    for body in bodies {
        let signed = http().post(format!("{}/hooks/mac", ingest.url()));
        let signed = signed.header("X-MAC-Signature", signature(body)).body(body);
        assert_eq!(signed.send().await.expect("an answer").status(), 200, "{body:?}");
        assert_eq!(post(&http(), &websms(&ingest), body).await.0, 400, "{body:?}");
    }
    assert_eq!((world.depth(QUARANTINE).await, world.depth(EVENTS).await), (bodies.len(), 0));
}

#[tokio::test]
async fn the_json_of_any_relay_becomes_an_event_and_a_worker_settles_it() {
    let world = World::on(TestRedis::start().await, &RELAYS.replace("PATH_SECRET", PATH_SECRET));
    let ingest = world.binary("webhook-ingest").listen().await;
    let (http, relay, anything) = (http(), relay(&ingest, "relay"), relay(&ingest, "anything"));
    let stop = r#"{"event":"inbound","at":1,"data":{"id":1,"from":"64211234567","to":"552","text":"STOP"}}"#;
    let report = r#"{"event":"status","at":2,"data":{"id":"A","state":"delivered"}}"#;
    let other = r#"{"hello":["world",1]}"#;
    for (url, body) in [(&relay, stop), (&relay, report), (&anything, other), (&anything, other)] {
        assert_eq!(post(&http, url, body).await.0, 200, "{body}");
    }
    let unknown = r#"{"event":"opened","data":{"id":"A"}}"#;
    assert_eq!(post(&http, &relay, unknown).await.0, 200);
    assert_eq!(post(&http, &relay, r#"{"data":{"id":"A"}}"#).await.0, 400);
    assert_eq!((world.depth(EVENTS).await, world.depth(QUARANTINE).await), (3, 1));

    let worker = world.binary("worker").listen().await;
    eventually_true(PATIENCE, "all are settled", async || world.depth(EVENTS).await == 0).await;
    eventually_true(PATIENCE, "all are counted", async || {
        counted(&worker, "textproof_worker_events_total", &[("outcome", "done")]).await == 3
    })
    .await;
    assert_eq!(world.pending().await.len(), 0);
    let consent = world.ledger().read("default", "+64211234567", "552").await.expect("the store answers");
    assert!(consent.is_some(), "STOP was understood");
    // Settled is settled: a copy is a duplicate.
    assert_eq!(post(&http, &anything, other).await.0, 200);
    assert_eq!(world.depth(EVENTS).await, 0);
}
