//! Where a webhook may be posted, and what is made of one that is authentic.

use crate::{
    fixture::{EVENTS, PATH_SECRET, QUARANTINE, World, delivered, http, post, websms},
    webhooks::raw,
};

#[tokio::test]
async fn a_wrong_path_secret_is_answered_like_an_endpoint_that_does_not_exist() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let body = delivered("path");
    let ask = async |path: &str| {
        let answer = raw::exchange(ingest.address(), raw::request("POST", path, &body)).await;
        raw::without_date(&answer)
    };
    let unknown = ask("/hooks/nobody").await;
    assert_eq!(raw::status(&unknown), 404, "{unknown}");
    let mut almost = PATH_SECRET.to_owned();
    almost.replace_range(..1, "C");
    for path in [
        "/hooks/nobody/canary-path-secret-0123456789",
        "/hooks/websms",
        "/hooks/websms/wrong",
        &format!("/hooks/websms/{almost}"),
        &format!("/hooks/websms/{PATH_SECRET}x"),
        &format!("/hooks/websms/{}", &PATH_SECRET[1..]),
        &format!("/hooks/mac/{PATH_SECRET}"),
    ] {
        assert_eq!(ask(path).await, unknown, "{path}");
    }
    // Whatever else such a request brings, it is not looked at.
    for path in ["/hooks/websms/wrong", "/hooks/nobody", "/hooks/%FF", "/hooks/a/b/c"] {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n");
        let answer = raw::exchange(ingest.address(), head).await;
        assert_eq!(raw::status(&answer), 404, "{path}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "an empty body: {answer}");
    }
    world.assert_untouched().await;
    let right = ask(&format!("/hooks/websms/{PATH_SECRET}")).await;
    assert_eq!(raw::status(&right), 200, "{right}");
    assert!(right.ends_with("\r\n\r\n{\"ok\":true}"), "{right}");
    assert_eq!(world.depth(EVENTS).await, 1);
}

#[tokio::test]
async fn only_post_is_for_webhooks() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    for path in ["/hooks/mac", "/hooks/nobody", &format!("/hooks/websms/{PATH_SECRET}")] {
        for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
            let answer = raw::exchange(ingest.address(), raw::request(method, path, "{}")).await;
            assert_eq!(raw::status(&answer), 405, "{method} {path}: {answer}");
        }
    }
    world.assert_untouched().await;
}

#[tokio::test]
async fn what_no_gateway_sends_is_refused_and_what_is_not_understood_is_kept() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let (http, url) = (http(), websms(&ingest));
    for body in ["", "  \n", "not JSON", "[]", "\"text\"", "{}", r#"{"messageId":"A"}"#] {
        let (status, answer) = post(&http, &url, body).await;
        assert_eq!((status, answer.len()), (400, 0), "{body:?}");
    }
    world.assert_untouched().await;

    let kept = [
        r#"{"type":"optin","messageId":"X1","timestamp":1}"#,
        r#"{"type":"mo","messageId":"A","messageId":"B","from":"+64211234567","to":"1","body":"x"}"#,
        r#"{"type":"dlr","status":"DELIVRD"}"#,
        r#"{"type":"mo","#,
    ];
    for body in kept {
        for copy in 1..=2 {
            let (status, answer) = post(&http, &url, body).await;
            assert_eq!((status, answer.as_slice()), (200, &br#"{"ok":true}"#[..]), "{copy}: {body}");
        }
    }
    assert_eq!(world.depth(QUARANTINE).await, kept.len());
    assert_eq!(world.depth(EVENTS).await, 0);
    let dump = world.redis.dump_all().await;
    for body in kept {
        assert_eq!(dump.find(body), [QUARANTINE], "the original bytes of {body}");
    }
}
