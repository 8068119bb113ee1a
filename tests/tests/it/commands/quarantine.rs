//! `textproof quarantine`: look at what was not understood, and publish it when it is understood.

use serde_json::{Value, json};
use test_support::{Process, TestRedis};

use super::Ended;
use crate::fixture::{EVENTS, PATH_SECRET, QUARANTINE, World, http, post, websms};

const PHONE: &str = "64211234567";
/// With a line break and an escape sequence in it.
const BODY: &str = "{\"event\":\"inbound\",\n\"id\":7,\"from\":\"64211234567\",\"to\":\"552\",\"text\":\"canary \u{202e}text\"}";
const BROKEN: &str = "{\"event\":\"\u{1b}[2J\"";

/// The endpoint `relay` with these types of replies.
fn relay(reply_types: &str) -> String {
    format!(
        "\n[[endpoint]]\nname = \"relay\"\ndialect = \"generic\"\nauth = {{ scheme = \"path-secret\" }}\n\
         secrets = [{{ id = \"a\", value = \"{PATH_SECRET}\" }}]\npointers = {{ type = \"/event\", \
         reply_types = {reply_types}, message_id = \"/id\", from = \"/from\", to = \"/to\", text = \"/text\" }}\n"
    )
}

struct Desk {
    world: World,
    ingest: Process,
}

impl Desk {
    /// A reply and a broken body at `relay`, an unknown type at `websms`: none is understood.
    async fn start() -> Self {
        let world = World::on(TestRedis::start().await, &relay("[\"message\"]"));
        world.write("later.toml", &relay("[\"message\", \"inbound\"]"));
        let ingest = world.binary("webhook-ingest").listen().await;
        let desk = Self { world, ingest };
        desk.post(BODY).await;
        desk.post(BROKEN).await;
        assert_eq!(post(&http(), &websms(&desk.ingest), r#"{"type":"optin"}"#).await.0, 200);
        assert_eq!(desk.depths().await, (3, 0));
        desk
    }

    async fn post(&self, body: &'static str) {
        let url = format!("{}/hooks/relay/{PATH_SECRET}", self.ingest.url());
        assert_eq!(post(&http(), &url, body).await.0, 200);
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let command = self.world.binary("textproof").arg("quarantine").args(arguments);
        Ended::of(command.env("RUST_LOG", "trace")).await
    }

    async fn depths(&self) -> (usize, usize) {
        (self.world.depth(QUARANTINE).await, self.world.depth(EVENTS).await)
    }

    /// What `list` says of every entry, with these arguments.
    async fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(&[&["list", "--json"], arguments].concat()).await;
        assert_eq!(ended.status, 0, "{}", ended.output());
        for canary in [PHONE, "canary"] {
            assert!(!ended.output().contains(canary), "{canary}: {}", ended.output());
        }
        ended.json()["entries"].as_array().expect("a list").clone()
    }
}

fn reasons(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["reason"].as_str().expect("a reason")).collect()
}

#[tokio::test]
async fn a_list_has_pages_and_filters_and_none_of_the_bytes() {
    let desk = Desk::start().await;
    let newest = desk.list(&[]).await;
    assert_eq!(reasons(&newest), ["unknown_type", "malformed_json", "unknown_type"]);
    assert_eq!((&newest[2]["endpoint"], &newest[2]["bytes"]), (&json!("relay"), &json!(BODY.len())));
    assert!(newest[2]["received_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{newest:?}");
    assert_eq!(desk.list(&["--oldest", "--endpoint", "relay"]).await, [newest[2].clone(), newest[1].clone()]);
    assert_eq!(desk.list(&["--reason", "malformed_json"]).await, newest[1..2]);
    assert!(desk.list(&["--endpoint", "nobody"]).await.is_empty());

    let first = desk.run(&["list", "--json", "--limit", "2"]).await.json();
    assert_eq!((first["entries"].as_array().map(Vec::len), &first["next"]), (Some(2), &newest[1]["id"]));
    let next = first["next"].as_str().expect("there are more");
    let rest = desk.run(&["list", "--json", "--limit", "2", "--after", next]).await.json();
    assert_eq!((&rest["entries"], &rest["next"]), (&json!([newest[2]]), &Value::Null));

    let table = desk.run(&["list", "--limit", "2"]).await;
    assert_eq!(table.status, 0);
    assert!(table.stdout.trim_start().starts_with("ID"), "{}", table.stdout);
    assert!(table.stdout.ends_with(&format!("there are more: --after {next}\n")), "{}", table.stdout);
    let refused = desk.run(&["list", "--after", "yesterday"]).await;
    assert_eq!((refused.status, refused.stdout.as_str()), (64, ""));
}

#[tokio::test]
async fn the_bytes_are_shown_printable_or_raw() {
    let desk = Desk::start().await;
    let entries = desk.list(&["--oldest"]).await;
    let [reply, broken] = [0, 1].map(|at| entries[at]["id"].as_str().expect("an id"));
    let raw = desk.run(&["show", reply, "--raw"]).await;
    assert_eq!((raw.status, raw.stdout.as_str()), (0, BODY));
    let shown = desk.run(&["show", reply]).await;
    assert!(shown.stdout.contains(r"canary \u{202e}text"), "{}", shown.stdout);
    let shown = desk.run(&["show", broken]).await;
    assert!(shown.stdout.contains(r"\u{1b}[2J") && !shown.stdout.contains('\u{1b}'), "{}", shown.stdout);
    let object = desk.run(&["show", broken, "--json"]).await.json();
    assert_eq!(object["body_base64"], data_encoding::BASE64.encode(BROKEN.as_bytes()));
    assert_eq!((&object["reason"], &object["endpoint"]), (&json!("malformed_json"), &json!("relay")));

    let gone = desk.run(&["show", "1-1", "--json"]).await;
    assert_eq!((gone.status, &gone.json()["outcome"]), (1, &json!("not_found")));
    assert_eq!((desk.run(&["show", "1-1", "--raw"]).await.stdout.as_str(), gone.status), ("", 1));
    desk.run(&["show", reply, "--raw", "--json"]).await.assert_refused("--raw");
    desk.world.redis.kill();
    assert_eq!(desk.run(&["show", reply]).await.status, 2);
}

#[tokio::test]
async fn a_replay_is_a_dry_run_until_yes_and_publishes_what_is_understood_once() {
    let desk = Desk::start().await;
    let replay = async |arguments: &[&str], config: &str| {
        let ended = desk.run(&[&["replay", "--json", "--config", config], arguments].concat()).await;
        assert!(!ended.output().contains(PHONE) && !ended.output().contains("canary"), "{}", ended.output());
        (ended.status, ended.json())
    };
    let outcomes = |object: &Value| -> Vec<String> {
        let entries = object["entries"].as_array().expect("a list");
        entries.iter().map(|entry| entry["outcome"].as_str().expect("a word").to_owned()).collect()
    };
    // As it was when they came; then without the endpoint `websms`, and with the new type.
    let (status, object) = replay(&[], "textproof.toml").await;
    assert_eq!((status, &object["outcome"], &object["stay"]), (1, &json!("dry_run"), &json!(3)));
    let (status, object) = replay(&[], "later.toml").await;
    assert_eq!((status, object["understood"].as_u64()), (1, Some(1)));
    assert_eq!(outcomes(&object), ["understood", "malformed_json", "no_such_endpoint"]);
    assert_eq!(desk.depths().await, (3, 0), "a dry run changes nothing");

    let received_at = desk.list(&["--oldest"]).await[0]["received_at"].clone();
    let (status, object) = replay(&["--yes", "--limit", "1"], "later.toml").await;
    assert_eq!(
        (status, &object["outcome"], outcomes(&object)),
        (0, &json!("replayed"), vec!["new".to_owned()])
    );
    assert_eq!(desk.depths().await, (2, 1));
    assert_eq!(received(&desk).await, received_at, "the original receive time");
    let next = object["next"].as_str().expect("there are more");
    let (status, object) = replay(&["--yes", "--after", next], "later.toml").await;
    assert_eq!(
        (status, outcomes(&object)),
        (1, vec!["malformed_json".to_owned(), "no_such_endpoint".to_owned()])
    );
    assert_eq!(desk.depths().await, (2, 1), "what is not understood stays");

    // The gateway delivers it once more: to a process with the old configuration, then to one with the new.
    desk.post(BODY).await;
    let later = desk.world.binary("webhook-ingest").args(["--config", "later.toml"]).listen().await;
    let url = format!("{}/hooks/relay/{PATH_SECRET}", later.url());
    assert_eq!(post(&http(), &url, BODY).await.0, 200);
    assert_eq!(desk.depths().await, (2, 1));
}

#[tokio::test]
async fn a_replay_takes_ids_and_filters() {
    let desk = Desk::start().await;
    let entries = desk.list(&["--oldest"]).await;
    let [reply, broken] = [0, 1].map(|at| entries[at]["id"].as_str().expect("an id"));
    let config = ["--config", "later.toml"];
    let of_ids = desk.run(&[&["replay", "--json", reply, "1-1"], &config[..]].concat()).await;
    assert_eq!((of_ids.status, &of_ids.json()["entries"][1]["outcome"]), (1, &json!("not_found")));
    let filtered =
        desk.run(&[&["replay", "--json", "--reason", "malformed_json"], &config[..]].concat()).await;
    let filtered = filtered.json();
    assert_eq!((&filtered["entries"][0]["id"], &filtered["stay"]), (&json!(broken), &json!(1)));
    let yes = desk.run(&[&["replay", "--yes", reply], &config[..]].concat()).await;
    assert_eq!(yes.status, 0, "{}", yes.output());
    assert!(yes.stdout.ends_with("1 published, 0 stay\n"), "{}", yes.stdout);
    assert_eq!(desk.depths().await, (2, 1));
}

/// Receive time of the one event, as the list of the quarantine writes times.
async fn received(desk: &Desk) -> Value {
    use textproof::stream::{Consumer, ConsumerSettings};
    let lease = std::time::Duration::from_secs(30);
    let settings = ConsumerSettings { group: "textproof".into(), host: "test".into(), lease };
    let mut consumer = Consumer::of_every_shard(std::sync::Arc::new(desk.world.store()), &settings).remove(0);
    let delivery = consumer.next(1).await.expect("the store answers").remove(0);
    assert_eq!(delivery.raw(), BODY.as_bytes(), "the bytes have moved");
    let at = i64::try_from(delivery.event().expect("an event").received_at_ms).expect("a time");
    json!(jiff::Timestamp::from_millisecond(at).expect("a time").to_string())
}
