//! What stands around the schemes: allow-lists of addresses, secrets that end, and an endpoint without either.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use test_support::{Process, TestRedis, eventually_true};

use crate::fixture::{EVENTS, PATIENCE, World, delivered, http};

const OLD: &str = "canary-old-secret-0123456789";
const NEW: &str = "canary-new-secret-0123456789";

/// Posts with headers and gives the status.
async fn post(ingest: &Process, path: &str, headers: &[(&str, &str)], message_id: &str) -> u16 {
    let mut request = http().post(format!("{}/hooks/{path}", ingest.url())).body(delivered(message_id));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer").status().as_u16()
}

fn endpoint(name: &str, rest: &str) -> String {
    format!("\n[[endpoint]]\nname = \"{name}\"\ndialect = \"connexus\"\n{rest}\n")
}

#[tokio::test]
async fn a_right_secret_counts_from_a_listed_address_only() {
    let secret =
        format!("auth = {{ scheme = \"header-secret\" }}\nsecrets = [{{ id = \"a\", value = \"{NEW}\" }}]");
    let listed =
        |name: &str, network: &str| endpoint(name, &format!("{secret}\naddresses = [\"{network}\"]"));
    let endpoints = [listed("here", "127.0.0.0/8"), listed("elsewhere", "203.0.113.0/24")].concat();
    let world = World::on(TestRedis::start().await, &endpoints);
    let right = ("X-Webhook-Secret", NEW);
    let forwarded = ("X-Forwarded-For", "203.0.113.7");

    let direct = world.binary("webhook-ingest").listen().await;
    assert_eq!(post(&direct, "here", &[], "A").await, 401, "the address alone is not enough");
    assert_eq!(post(&direct, "here", &[("X-Webhook-Secret", OLD)], "A").await, 401);
    assert_eq!(post(&direct, "elsewhere", &[right], "A").await, 401);
    assert_eq!(
        post(&direct, "elsewhere", &[right, forwarded], "A").await,
        401,
        "anyone can write the header"
    );
    world.assert_untouched().await;
    assert_eq!(post(&direct, "here", &[right], "A").await, 200);

    let behind = world.binary("webhook-ingest").env("TEXTPROOF_INGEST_TRUSTED_HOPS", "1").listen().await;
    assert_eq!(post(&behind, "elsewhere", &[right, forwarded], "B").await, 200);
    assert_eq!(post(&behind, "elsewhere", &[right], "C").await, 401, "the proxy's entry is missing");
    let spoofed = ("X-Forwarded-For", "203.0.113.7, 192.0.2.1");
    assert_eq!(post(&behind, "elsewhere", &[right, spoofed], "C").await, 401);
    assert_eq!(world.depth(EVENTS).await, 2);
}

#[tokio::test]
async fn a_secret_in_use_is_announced_before_it_ends() {
    let in_days = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days);
    let secrets = format!(
        "auth = {{ scheme = \"header-secret\" }}\nsecrets = [\n{{ id = \"old\", value = \"{OLD}\", not_after = \
         \"{}\" }},\n{{ id = \"new\", value = \"{NEW}\", not_after = \"{}\" }}]",
        in_days(3),
        in_days(300)
    );
    let world = World::on(TestRedis::start().await, &endpoint("rotating", &secrets));
    let ingest = world.binary("webhook-ingest").env("RUST_LOG", "trace").listen().await;
    assert_eq!(post(&ingest, "rotating", &[("X-Webhook-Secret", NEW)], "A").await, 200);
    assert_eq!(warnings(&ingest).await, Value::Null, "nobody uses the old one");
    assert_eq!(post(&ingest, "rotating", &[("X-Webhook-Secret", OLD)], "B").await, 200);
    let shown = warnings(&ingest).await;
    let shown = shown[0].as_str().unwrap_or_else(|| panic!("{shown}"));
    assert!(shown.starts_with("endpoint rotating: the secret `old` ends at "), "{shown}");
    let logged = || ingest.wrote("the secret `old` ends at");
    eventually_true(PATIENCE, "it is in the log, too", async || logged()).await;
    // Ready all the same, and nothing of it on the public face.
    let ready = http().get(format!("{}/readyz", ingest.url())).send().await.expect("an answer");
    assert_eq!((ready.status().as_u16(), ready.text().await.expect("text").as_str()), (200, "ready\n"));
    let metrics = http().get(format!("{}/metrics", inside(&ingest))).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    for id in ["old", "new"] {
        let line = format!("textproof_ingest_verified_total{{endpoint=\"rotating\",secret=\"{id}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert!(!ingest.stderr().contains("canary"), "{ingest}");
}

#[tokio::test]
async fn an_endpoint_that_anyone_could_post_to_refuses_to_start_unless_it_says_so() {
    let secret = format!("secrets = [{{ id = \"a\", value = \"{NEW}\" }}]");
    for (rest, said) in [
        (String::new(), "anyone could post"),
        ("auth = { scheme = \"none\" }".into(), "none"),
        ("auth = { scheme = \"github\" }".into(), "anyone could post"),
        ("addresses = [\"127.0.0.1\"]".into(), "anyone could post"),
        ("insecure = false".into(), "anyone could post"),
        (format!("insecure = true\nauth = {{ scheme = \"path-secret\" }}\n{secret}"), "keep one"),
        (
            "auth = { scheme = \"header-secret\" }\nsecrets = [{ id = \"a\", value = \"short\" }]".into(),
            "128 bits",
        ),
        ("auth = { scheme = \"basic\" }\nsecrets = [{ id = \"a\", value = \"short\" }]".into(), "128 bits"),
    ] {
        let world = World::on(TestRedis::start().await, &endpoint("open", &rest));
        let mut ingest = world.binary("webhook-ingest").spawn();
        assert_eq!(ingest.wait(PATIENCE).await.code(), Some(64), "{rest}: {ingest}");
        assert!(ingest.wrote(said) && ingest.stderr().lines().count() == 1, "{rest}: {ingest}");
        assert_eq!(ingest.stdout(), "", "{rest}");
    }
    let world = World::on(TestRedis::start().await, &endpoint("open", "insecure = true"));
    let ingest = world.binary("webhook-ingest").listen().await;
    assert!(ingest.wrote("INSECURE: anyone who reaches this server can post here"), "{ingest}");
    assert_eq!(post(&ingest, "open", &[], "A").await, 200);
    assert_eq!(post(&ingest, "open/x", &[], "B").await, 404);
    assert_eq!(world.depth(EVENTS).await, 1);
}

/// The warnings about secrets on the internal readiness page.
async fn warnings(ingest: &Process) -> Value {
    let answer = http().get(format!("{}/readyz", inside(ingest))).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let page: Value = answer.json().await.expect("JSON");
    let checks = page["checks"].as_array().expect("a list of checks");
    let secrets = checks.iter().find(|check| check["name"] == "secrets");
    let secrets = secrets.unwrap_or_else(|| panic!("{page}"));
    assert_eq!(secrets["problem"], json!(null));
    secrets["warnings"].clone()
}

/// The URL of the internal face, as the log says it.
fn inside(ingest: &Process) -> String {
    let log = ingest.stderr();
    let line = log.lines().find(|line| line.contains("metrics and readiness details"));
    let address =
        line.and_then(|line| line.split("addr=").nth(1)).and_then(|rest| rest.split_whitespace().next());
    format!("http://{}", address.unwrap_or_else(|| panic!("{log}")))
}
