//! Webhooks verified inside a server of your own, without webhook-ingest, worker and Redis.
//!
//! Run it with a configuration that has an `[[endpoint]]` called `mac` (`deploy/textproof.toml` has one):
//! `cargo run -p embedded`, then have the gateway post to `/sms` at the address that it prints.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::Context;
use axum::{
    Extension, Json, Router,
    body::Bytes,
    routing::{get, post},
};
use clap::Parser;
use serde_json::{Value, json};
use textproof::event::Content;
use textproof_service::{
    args::CommonArgs,
    exit,
    http::{self, Limits},
    shutdown::shutdown_signal,
};
use webhook_ingest::{ReadLimits, VerifiedWebhook, Verifier, VerifyLayer};

/// A server of your own that takes the webhooks of a gateway.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    common: CommonArgs,
    /// Where it listens
    #[arg(long, default_value = "127.0.0.1:8001")]
    bind: SocketAddr,
}

fn main() -> ExitCode {
    exit::main(async |arguments: Arguments| {
        let endpoints = arguments.common.load_config()?.endpoints()?;
        let endpoint = endpoints.into_iter().find(|endpoint| endpoint.name() == "mac");
        let gateway =
            Verifier::new(endpoint.context("no [[endpoint]] is called mac")?, ReadLimits::default());
        // The layer suits handlers, or whole services, that were there before and read the body themselves.
        let layered = post(audit).layer(VerifyLayer::new(gateway.clone()));
        let router = Router::new()
            .route("/", get(async || "your own pages\n"))
            .route("/sms", post(received))
            .route("/audit", layered)
            .with_state(gateway);
        let listener = http::bind(arguments.bind).await?;
        http::announce(&listener)?;
        http::serve(listener, router, Limits::default(), shutdown_signal()).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Only a genuine webhook gets here: there is no other way to a [`VerifiedWebhook`].
async fn received(webhook: VerifiedWebhook) -> Json<Value> {
    let Ok(event) = webhook.event() else {
        // The gateway's own, but nothing that we know: keep `webhook.body()` and look at it.
        return Json(json!({ "ok": true, "understood": false }));
    };
    // The gateway sends a webhook again when it does not hear from you. Store `event.id` together with what you do,
    // and do nothing when it is there already; answer only then.
    let kind = match &event.content {
        Content::Reply(_) => "reply",
        Content::DeliveryReport(_) => "delivery report",
        _ => "other",
    };
    Json(json!({ "ok": true, "id": event.id.as_str(), "kind": kind }))
}

async fn audit(Extension(webhook): Extension<VerifiedWebhook>, body: Bytes) -> String {
    format!("{} bytes, signed under {}\n", body.len(), webhook.secret_id())
}
