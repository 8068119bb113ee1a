//! The page of `textproof dev`: static files, a stream of what happens, and three things to do.

mod happenings;

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event as SseEvent, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use textproof::{
    ClientAddress, Otp, Purpose, SendOptions, SendOutcome, Verdict, VerifyOptions, phone::PhoneError,
};
use textproof_service::problem::{Problem, with_fallbacks};
use tokio_util::sync::CancellationToken;

use self::happenings::Happenings;
use crate::local::{Local, WEB_OTP_DOMAIN};

/// Nothing from elsewhere, and no frame around it.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

#[derive(Clone)]
struct Page {
    otp: Otp,
    login: Purpose,
    happenings: Happenings,
    http: reqwest::Client,
    reply_url: String,
    shutdown: CancellationToken,
}

/// Everything that the page needs.
pub(super) fn router(local: &Local, shutdown: CancellationToken) -> anyhow::Result<Router> {
    let page = Page {
        otp: local.otp.clone(),
        login: Purpose::new("login")?,
        happenings: Happenings::gather(local.sandbox.texts(), local.feed.listen(), shutdown.clone()),
        http: reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?,
        reply_url: format!("http://{}/sandbox/reply", local.sandbox.addr()),
        shutdown,
    };
    let router = Router::new()
        .route("/", get(async || asset("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/page.js", get(async || asset("text/javascript", include_str!("page/page.js"))))
        .route("/page.css", get(async || asset("text/css", include_str!("page/page.css"))))
        .route("/happenings", get(stream))
        .route("/send", post(send))
        .route("/verify", post(verify))
        .route("/reply", post(reply))
        .route("/healthz", get(async || "ok\n"))
        .with_state(page);
    Ok(with_fallbacks(router))
}

fn asset(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, content)
}

/// What has happened so far, then what happens. It ends with the process, or the drain would wait for it.
async fn stream(State(page): State<Page>) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let events = page
        .happenings
        .follow()
        .map(|happening| Ok(SseEvent::default().data(happening.to_string())))
        .take_until(page.shutdown.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    phone: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    phone: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    phone: String,
    to: String,
    text: String,
}

/// Whoever plays here has every phone in hand.
const PLAYGROUND: ClientAddress<'static> = ClientAddress::None { why: "the page of textproof dev" };

async fn send(State(page): State<Page>, Json(form): Json<Send>) -> Result<Json<Value>, Problem> {
    let phone = page.otp.phone(&form.phone).map_err(|error| unprocessable(&error))?;
    let options = SendOptions {
        comment: Some("Valid for 5 minutes."),
        web_otp_domain: Some(WEB_OTP_DOMAIN),
        address: PLAYGROUND,
        ..SendOptions::default()
    };
    match page.otp.send(&phone, &page.login, "MyApp", options).await {
        Ok(SendOutcome::Sent(challenge)) => Ok(Json(json!({
            "said": format!("sent to {phone}, valid for {} s", challenge.expires_in.as_secs()),
            "phone": phone.e164(),
        }))),
        Ok(SendOutcome::Refused { reason, retry_after }) => {
            let wait = retry_after.map(|wait| format!("; wait {} s", wait.as_secs() + 1)).unwrap_or_default();
            Ok(Json(json!({ "said": format!("{reason}{wait}"), "phone": phone.e164() })))
        }
        Err(error) => Err(Problem::new(StatusCode::BAD_GATEWAY).detail(error.to_string())),
    }
}

async fn verify(State(page): State<Page>, Json(form): Json<Verify>) -> Result<Json<Value>, Problem> {
    let phone = page.otp.phone(&form.phone).map_err(|error| unprocessable(&error))?;
    let options = VerifyOptions { address: PLAYGROUND, ..VerifyOptions::default() };
    let verdict = page.otp.verify(&phone, &page.login, &form.code, options).await;
    let verdict =
        verdict.map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail(error.to_string()))?;
    let said = match &verdict {
        Verdict::Incorrect { attempts_left } => format!("incorrect, {attempts_left} guesses left"),
        other => other.as_str().replace('_', " "),
    };
    Ok(Json(json!({ "said": said })))
}

async fn reply(State(page): State<Page>, Json(form): Json<Reply>) -> Result<Response, Problem> {
    let unreachable = |error: reqwest::Error| {
        Problem::new(StatusCode::BAD_GATEWAY).detail(format!("the sandbox: {}", error.without_url()))
    };
    let phone = page.otp.phone(&form.phone).map_err(|error| unprocessable(&error))?;
    let body = json!({ "from": phone.e164(), "to": form.to, "text": form.text });
    let answer = page.http.post(&page.reply_url).json(&body).send().await.map_err(unreachable)?;
    let status = answer.status();
    let answer = answer.json::<Value>().await.map_err(unreachable)?;
    Ok((status, Json(answer)).into_response())
}

fn unprocessable(error: &PhoneError) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(error.to_string())
}
