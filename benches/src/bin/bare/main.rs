//! The yardstick of the ingest: the same framework on the same kind of server, with a handler that reads the
//! body and answers 200.

use std::process::ExitCode;

use axum::{Router, body::Bytes, routing::post};
use mimalloc::MiMalloc;
use textproof_service::{
    exit,
    http::{self, Limits},
    shutdown::shutdown_signal,
};

/// As in `webhook-ingest`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    exit::run(async {
        let listener = http::bind(([127, 0, 0, 1], 0).into()).await?;
        http::announce(&listener)?;
        let router = Router::new().route("/hooks/{endpoint}", post(async |body: Bytes| drop(body)));
        http::serve(listener, router, Limits::default(), shutdown_signal()).await?;
        Ok(ExitCode::SUCCESS)
    })
}
