//! No number, code, token, secret or text is in any error, nor in what the gateways print of themselves.

use std::error::Error;

use serde_json::json;
use textproof::gateway::{ConnexusSettings, Gateway, GatewayError, MobileApiConnectSettings};

use crate::{
    fake::{Fake, Nobody, Request, Step, answer},
    messages::{BODY, CLIENT_SECRET, CODE, KEY, Sample, connexus, issuing, mobile_api_connect},
};

fn assert_hidden(shown: &str) {
    for canary in [CODE, "211234567", "21 123", "canary", "parcel", BODY] {
        assert!(!shown.contains(canary), "{canary:?} is in {shown}");
    }
}

fn assert_error_hides(error: &GatewayError) {
    assert_hidden(&format!("{error} {error:?} {error:#?}"));
    let mut source = error.source();
    while let Some(error) = source {
        assert_hidden(&format!("{error} {error:?}"));
        source = error.source();
    }
}

/// A gateway that repeats everything it was told, in each shape and status.
fn indiscreet(request: &Request, attempt: usize) -> Step {
    let fields = if request.body.starts_with('{') { request.json() } else { json!(request.form()) };
    let heard: Vec<String> = fields.as_object().unwrap().values().map(ToString::to_string).collect();
    let heard = heard.join(" ").replace('"', " ");
    let auth = request.authorization();
    let words = match attempt % 3 {
        0 => format!("{auth} {heard}"),
        1 => format!("{heard} {auth}"),
        _ => format!("(+64 21 123 4567) {} {auth}", heard.chars().rev().collect::<String>()),
    };
    let (status, key) =
        [(400, "message"), (403, "error"), (404, "error"), (200, "message"), (503, "error"), (422, "error")]
            [attempt / 3 % 6];
    answer(
        status,
        json!({"success": false, "status": "error", key: words, "code": CODE, "access_token": auth}),
    )
}

#[tokio::test]
async fn a_gateway_that_repeats_its_input_is_not_quoted() {
    let (sample, fake) = (Sample::new(), issuing(indiscreet).await);
    let gateway = connexus(fake.base());
    for _ in 0..18 {
        assert_error_hides(&gateway.send_code(&sample.code()).await.unwrap_err());
        assert_error_hides(&gateway.send_code(&sample.codeless()).await.unwrap_err());
        assert_error_hides(&gateway.send_text(&sample.text()).await.unwrap_err());
    }
    let fake = Fake::start(indiscreet).await;
    let gateway = mobile_api_connect(fake.base());
    for _ in 0..18 {
        assert_error_hides(&gateway.send_code(&sample.code()).await.unwrap_err());
        assert_error_hides(&gateway.send_text(&sample.text()).await.unwrap_err());
    }
}

#[tokio::test]
async fn a_token_endpoint_that_repeats_its_input_is_not_quoted() {
    for status in [200, 400, 404, 500] {
        let fake = Fake::start(move |request, _| {
            answer(status, json!({"access_token": [request.body], "e": request.body}))
        })
        .await;
        assert_error_hides(&connexus(fake.base()).check().await.unwrap_err());
    }
}

#[tokio::test]
async fn transport_errors_name_no_url() {
    let nobody = Nobody::new();
    let base = format!("{}/canary", nobody.base());
    assert_error_hides(&connexus(&base).check().await.unwrap_err());
    let error = mobile_api_connect(&base).send_text(&Sample::new().text()).await.unwrap_err();
    assert_error_hides(&error);
    for step in [|| Step::Drop, || Step::BreakOff, || Step::Hang] {
        let fake = issuing(move |_, _| step()).await;
        assert_error_hides(&connexus(fake.base()).send_code(&Sample::new().code()).await.unwrap_err());
    }
}

#[tokio::test]
async fn gateways_settings_and_answers_print_no_secrets() {
    let fake =
        issuing(|_, _| answer(200, json!({"status": "success", "message_id": "M1", "code": CODE}))).await;
    let (gateway, sample) = (connexus(fake.base()), Sample::new());
    let accepted = gateway.send_code(&sample.codeless()).await.unwrap();
    assert_hidden(&format!("{gateway:?} {accepted:?} {:?} {:?}", sample.code(), sample.text()));
    assert_hidden(&format!("{:?}", mobile_api_connect(fake.base())));
    let base = "https://canary:canary@g.example";
    assert_hidden(&format!("{:?}", ConnexusSettings::new(base, "cid_canary", CLIENT_SECRET)));
    assert_hidden(&format!("{:?}", MobileApiConnectSettings::new(base, KEY)));
}
