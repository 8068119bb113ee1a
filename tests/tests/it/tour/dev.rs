//! The page of `textproof dev`, as a browser uses it.

use reqwest::{Client, Response};
use serde_json::{Value, json};
use test_support::{Process, TestReceiver, eventually, free_port};
use tokio::time::timeout;

use crate::fixture::{PATIENCE, World, http};

const PHONE: &str = "+64211234567";

#[tokio::test]
async fn the_page_sends_and_verifies_and_shows_what_happens() {
    let world = World::start().await;
    let mut dev = dev(&world).await;
    let sandbox = address(&mut dev, "sandbox").await;
    let (http, page) = (http(), dev.url());
    assert_page(&http, &page).await;

    let mut happenings = http.get(format!("{page}/happenings")).send().await.expect("an answer");
    assert_eq!(happenings.headers()["content-type"], "text/event-stream");
    let sent = ask(&http, &format!("{page}/send"), &json!({ "phone": "021 123 4567" })).await;
    assert_eq!((sent.0, &sent.1["phone"]), (200, &json!(PHONE)), "{sent:?}");
    let text = eventually(PATIENCE, "the text is on the phone", async || {
        let url = format!("{sandbox}/sandbox/messages");
        let inbox = http.get(url).query(&[("to", PHONE)]).send().await.ok()?;
        let inbox: Value = inbox.json().await.ok()?;
        Some(inbox["messages"].get(0)?["text"].as_str()?.to_owned())
    })
    .await;
    let code = text.split(' ').next().expect("a first word").to_owned();
    assert_eq!(code.len(), 6);
    assert!(told(&mut happenings, &code).await["text"] == json!(text));
    assert_eq!(told(&mut happenings, "Delivered").await["endpoint"], "websms");

    let verify = format!("{page}/verify");
    let wrong = if code == "123456" { "654321" } else { "123456" };
    for (guess, said) in [(wrong, "incorrect, 4 guesses left"), (&code, "verified"), (&code, "already used")]
    {
        let answer = ask(&http, &verify, &json!({ "phone": PHONE, "code": guess })).await;
        assert_eq!(answer, (200, json!({ "said": said })));
    }
    let refused = ask(&http, &verify, &json!({ "phone": "no phone", "code": "123456" })).await;
    assert_eq!((refused.0, &refused.1["status"]), (422, &json!(422)));

    let reply = json!({ "phone": PHONE, "to": "552", "text": "HOURS" });
    assert_eq!(ask(&http, &format!("{page}/reply"), &reply).await.0, 200);
    let replied = told(&mut happenings, "HOURS").await;
    assert_eq!(replied["kind"], "event", "{replied}");

    // The stream is still open: it must not hold the stop up.
    dev.signal("INT");
    assert_eq!(dev.wait(PATIENCE).await.code(), Some(0), "{dev}");
    assert!(!dev.wrote(&code), "{dev}");
}

#[tokio::test]
async fn the_page_shows_what_happens_although_the_receiver_is_down() {
    let world = World::start().await;
    let nobody = format!("http://127.0.0.1:{}/hook", free_port());
    let mut dev = dev_with(&world, &["--forward", &nobody]).await;
    let http = http();
    let mut happenings = http.get(format!("{}/happenings", dev.url())).send().await.expect("an answer");
    let reply = json!({ "phone": PHONE, "to": "552", "text": "HOURS" });
    assert_eq!(ask(&http, &format!("{}/reply", dev.url()), &reply).await.0, 200);
    assert_eq!(told(&mut happenings, "HOURS").await["kind"], "event");
    dev.signal("INT");
    assert_eq!(dev.wait(PATIENCE).await.code(), Some(0), "{dev}");
}

#[tokio::test]
async fn dev_forwards_every_event_if_it_is_told_where_to() {
    let world = World::start().await;
    let receiver = TestReceiver::start().await;
    let url = receiver.url("/hook");
    let mut dev = dev_with(&world, &["--forward", &url]).await;
    let line = dev.line("forward", PATIENCE).await;
    assert!(line.contains(&url) && line.contains("signed with whsec_"), "{line}");
    let reply = json!({ "phone": PHONE, "to": "552", "text": "HOURS" });
    assert_eq!(ask(&http(), &format!("{}/reply", dev.url()), &reply).await.0, 200);
    let body = eventually(PATIENCE, "the reply is forwarded", async || {
        let bodies = receiver.received().into_iter().map(|request| request.body);
        bodies
            .map(|body| serde_json::from_slice::<Value>(&body).expect("JSON"))
            .find(|body| body["type"] == "reply.received")
    })
    .await;
    assert_eq!((&body["data"]["from"], &body["data"]["text"]), (&json!(PHONE), &json!("HOURS")));

    let mut refused = super::bare(&world).args(["dev", "--forward", "nonsense"]).spawn();
    assert_eq!(refused.wait(PATIENCE).await.code(), Some(64), "{refused}");
    assert!(refused.stderr().contains("--forward (the command line): is not an absolute URL"), "{refused}");
}

#[tokio::test]
async fn a_second_dev_says_that_the_port_is_taken() {
    let world = World::start().await;
    let first = dev(&world).await;
    let taken = first.address().to_string();
    let mut second = super::bare(&world).args(["dev", "--bind", &taken]).spawn();
    assert_eq!(second.wait(PATIENCE).await.code(), Some(2), "{second}");
    assert!(second.stderr().contains(&taken), "{second}");
    assert_eq!(second.stdout(), "");
}

async fn dev(world: &World) -> Process {
    dev_with(world, &[]).await
}

async fn dev_with(world: &World, more: &[&str]) -> Process {
    let free = "127.0.0.1:0";
    let binds = ["dev", "--bind", free, "--sandbox-bind", free, "--ingest-bind", free];
    super::bare(world).args(binds).args(more).listen().await
}

async fn address(dev: &mut Process, name: &str) -> String {
    let line = dev.line(name, PATIENCE).await;
    let address = line.split_whitespace().find(|word| word.starts_with("http://"));
    address.expect("an address").to_owned()
}

async fn assert_page(http: &Client, page: &str) {
    for (path, content_type) in
        [("/", "text/html; charset=utf-8"), ("/page.js", "text/javascript"), ("/page.css", "text/css")]
    {
        let answer = http.get(format!("{page}{path}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], content_type, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        let text = answer.text().await.expect("a whole answer");
        assert!(!text.contains("https://"), "{path} loads something from elsewhere");
    }
    let missing = http.get(format!("{page}/nothing")).send().await.expect("an answer");
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "application/problem+json");
}

async fn ask(http: &Client, url: &str, body: &Value) -> (u16, Value) {
    let answer = http.post(url).json(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// The next happening that holds `needle`.
async fn told(happenings: &mut Response, needle: &str) -> Value {
    let mut seen = String::new();
    let found = timeout(PATIENCE, async {
        while let Some(chunk) = happenings.chunk().await.expect("the stream goes on") {
            seen.push_str(&String::from_utf8_lossy(&chunk));
            let line = seen.lines().find(|line| line.starts_with("data:") && line.contains(needle));
            if let Some(json) =
                line.and_then(|line| serde_json::from_str(line.trim_start_matches("data:")).ok())
            {
                return json;
            }
        }
        panic!("the stream ended without {needle}: {seen}")
    });
    match found.await {
        Ok(found) => found,
        Err(_) => panic!("no happening holds {needle}"),
    }
}
