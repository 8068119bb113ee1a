//! A login by one-time code: a phone form, a code, a verdict. Any number of these can run side by side: the
//! codes live in the configured Redis.
//!
//! Run it with the configuration of the other binaries (`textproof.toml` or the environment):
//! `cargo run -p login`, then open the address that it prints.

use std::{net::SocketAddr, process::ExitCode};

use axum::{
    Form, Router,
    extract::{ConnectInfo, State},
    http::{HeaderMap, header},
    response::{AppendHeaders, Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use textproof::{ClientAddress, Otp, Purpose, SendOptions, SendOutcome, Verdict, VerifyOptions};
use textproof_service::{
    args::CommonArgs,
    assemble, exit,
    http::{self, Limits},
    shutdown::shutdown_signal,
};

fn main() -> ExitCode {
    exit::run(async {
        let config = CommonArgs::default().load_config()?;
        let store = assemble::shared_store(&config)?;
        let gateways = assemble::gateways(&config, &store)?;
        let login = Login { otp: assemble::otp(&config, store, gateways)?, purpose: Purpose::new("login")? };
        let router = Router::new()
            .route("/", get(async || page(PHONE_FORM)))
            .route("/code", post(send))
            .route("/login", post(verify))
            .with_state(login);
        let listener = http::bind("127.0.0.1:8000".parse()?).await?;
        http::announce(&listener)?;
        http::serve(listener, router, Limits::default(), shutdown_signal()).await?;
        Ok(ExitCode::SUCCESS)
    })
}

#[derive(Clone)]
struct Login {
    otp: Otp,
    purpose: Purpose,
}

#[derive(Deserialize)]
struct Phone {
    phone: String,
}

#[derive(Deserialize)]
struct Attempt {
    code: String,
}

async fn send(
    State(login): State<Login>,
    peer: ConnectInfo<SocketAddr>,
    Form(form): Form<Phone>,
) -> Response {
    let phone = match login.otp.phone(&form.phone) {
        Ok(phone) => phone,
        Err(error) => return page(&format!("<p>{error}</p>{PHONE_FORM}")),
    };
    // Behind a proxy, the address is in a header: take it only from a proxy that you count and trust.
    let options = SendOptions { address: ClientAddress::Ip(peer.0.ip()), ..SendOptions::default() };
    match login.otp.send(&phone, &login.purpose, "MyApp", options).await {
        Ok(SendOutcome::Sent(challenge)) => {
            // The handle binds the check to this browser: a stranger cannot spend the guesses. A real
            // application keeps both in its server-side session.
            let handle = challenge.handle.map(|handle| handle.as_str().to_owned()).unwrap_or_default();
            let cookies = [("phone", phone.e164()), ("handle", &handle)].map(|(name, value)| {
                (header::SET_COOKIE, format!("{name}={value}; HttpOnly; SameSite=Strict; Max-Age=600"))
            });
            (AppendHeaders(cookies), page(CODE_FORM)).into_response()
        }
        Ok(SendOutcome::Refused { retry_after, .. }) => {
            let wait = retry_after.map(|wait| format!(" Try again in {} s.", wait.as_secs() + 1));
            page(&format!("<p>No code was sent.{}</p>{PHONE_FORM}", wait.unwrap_or_default()))
        }
        Err(_) => page("<p>No code can be sent just now. Try again in a minute.</p>"),
    }
}

async fn verify(
    State(login): State<Login>,
    peer: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<Attempt>,
) -> Response {
    let (Some(phone), Some(handle)) = (cookie(&headers, "phone"), cookie(&headers, "handle")) else {
        return page(PHONE_FORM);
    };
    let Ok(phone) = login.otp.phone(phone) else {
        return page(PHONE_FORM);
    };
    let address = ClientAddress::Ip(peer.0.ip());
    let options = VerifyOptions { handle: Some(handle), address, ..VerifyOptions::default() };
    match login.otp.verify(&phone, &login.purpose, &form.code, options).await {
        Ok(verdict) if verdict.is_verified() => page("<p>Welcome.</p>"),
        Ok(Verdict::Incorrect { attempts_left }) => {
            page(&format!("<p>That is not the code; {attempts_left} tries left.</p>{CODE_FORM}"))
        }
        Ok(_) => page(&format!("<p>That code is not valid (any more).</p>{PHONE_FORM}")),
        Err(_) => page(&format!("<p>Nothing could be checked just now. Try again.</p>{CODE_FORM}")),
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?.split(';');
    cookies
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn page(body: &str) -> Response {
    Html(format!("<!doctype html><meta charset=utf-8><title>Log in</title>{body}")).into_response()
}

const PHONE_FORM: &str = r#"<form method=post action=/code>
<label>Phone <input name=phone autocomplete=tel required></label> <button>Text me a code</button></form>"#;

const CODE_FORM: &str = r#"<form method=post action=/login>
<label>Code <input name=code inputmode=numeric autocomplete=one-time-code required></label> <button>Log in</button></form>"#;
