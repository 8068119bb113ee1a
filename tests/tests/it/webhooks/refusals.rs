//! Forged, re-serialised, truncated, oversize: refused, nothing stored, nothing told.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    fixture::{EVENTS, World, delivered, http, post, signature, websms},
    webhooks::raw,
};

const LIMIT: usize = 64 * 1024;
const BODY: &str = r#"{"event":"message.received","from":"+64211234567","to":"+64211110000","text":"canary-text","receivedAt":1}"#;

#[tokio::test]
async fn a_webhook_that_was_touched_is_refused_without_a_word_or_a_trace() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let url = format!("{}/hooks/mac", ingest.url());
    let good = signature(BODY);
    let oversize = BODY.replace("canary-text", &"x".repeat(LIMIT));
    let mut flipped = good.clone();
    flipped.replace_range(good.len() - 1.., if good.ends_with('0') { "1" } else { "0" });

    for (what, body, signature, expected) in [
        ("unsigned", BODY.to_owned(), None, 401),
        ("forged", BODY.to_owned(), Some(signature("another body")), 401),
        ("one digit off", BODY.to_owned(), Some(flipped), 401),
        ("without its prefix", BODY.to_owned(), Some(good.replace("sha256=", "")), 401),
        ("a MAC cut short", BODY.to_owned(), Some(good[..good.len() - 2].to_owned()), 401),
        ("re-serialised", BODY.replace(',', ", "), Some(good.clone()), 401),
        ("a space at its end", format!("{BODY} "), Some(good.clone()), 401),
        ("truncated", BODY[..BODY.len() - 10].to_owned(), Some(good.clone()), 401),
        ("emptied", String::new(), Some(good.clone()), 401),
        ("oversize, signed", oversize.clone(), Some(signature(&oversize)), 413),
        ("oversize, forged", oversize, Some(good.clone()), 413),
    ] {
        let mut request = http().post(&url).header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header("X-MAC-Signature", signature);
        }
        let answer = request.body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), expected, "{what}");
        for (name, value) in answer.headers() {
            let told = value.to_str().expect("text");
            assert!(
                ["content-length", "date", "connection"].contains(&name.as_str()),
                "{what}: {name}: {told}"
            );
        }
        assert!(answer.bytes().await.expect("a whole answer").is_empty(), "{what}");
    }
    world.assert_untouched().await;

    let signed = http().post(&url).header("X-MAC-Signature", good).body(BODY);
    assert_eq!(signed.send().await.expect("an answer").status(), 200);
    assert_eq!(world.depth(EVENTS).await, 1);
}

#[tokio::test]
async fn the_limit_counts_what_is_read_and_not_what_was_declared() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let path = websms(&ingest).replace(&ingest.url(), "");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: ingest\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = "x".repeat(0x2000);
    let chunks = format!("2000\r\n{chunk}\r\n").repeat(LIMIT / chunk.len());
    let answer = raw::exchange(ingest.address(), format!("{head}{chunks}1\r\nx\r\n0\r\n\r\n")).await;
    assert_eq!(raw::status(&answer), 413, "{answer}");
    world.assert_untouched().await;

    // One byte less is read, and is no gateway's payload.
    let answer = raw::exchange(ingest.address(), format!("{head}{chunks}0\r\n\r\n")).await;
    assert_eq!(raw::status(&answer), 400, "{answer}");
    // And a whole webhook of exactly the limit is kept.
    let mut padded = delivered("at-the-limit");
    padded.extend(std::iter::repeat_n(' ', LIMIT - padded.len()));
    assert_eq!(post(&http(), &websms(&ingest), padded).await.0, 200);
    assert_eq!(world.depth(EVENTS).await, 1);
}

#[tokio::test]
async fn a_body_cut_off_by_a_lost_connection_is_not_stored() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let path = websms(&ingest).replace(&ingest.url(), "");
    let whole = raw::request("POST", &path, &delivered("cut-off"));
    let mut stream = TcpStream::connect(ingest.address()).await.expect("the server listens");
    let half = &whole.as_bytes()[..whole.len() - 5];
    stream.write_all(half).await.expect("the server reads");
    stream.shutdown().await.expect("our side closes");
    let answer = raw::read_to_the_end(&mut stream).await;
    assert!(answer.is_empty() || raw::status(&answer) == 400, "{answer}");
    world.assert_untouched().await;
}
