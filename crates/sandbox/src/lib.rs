//! Plays both SMS gateways over HTTP, with a phone whose inbox can be read and that can reply.
//!
//! The sandbox is written from the gateways' documents alone and knows nothing of the rest of the
//! workspace, so that a misreading on one side cannot cancel itself out on the other. Any client of
//! these gateways can talk to it: point its base URL at `http://ADDR/api/connexus` or `http://ADDR/v1`.
//!
//! | path | |
//! |---|---|
//! | `POST /api/connexus/auth/token`, `/sms/otp`, `/sms/out` | WebSMS Connexus, form or JSON |
//! | `POST /v1/messages` | MMobile API Connect, JSON |
//! | `GET /sandbox/messages?to=PHONE` | the phone's inbox, oldest first; without `to` the newest texts of all phones |
//! | `POST /sandbox/reply` | `{"from","to"?,"text","gateway"?,"ref"?,"timestamp"?}`: the phone answers, a webhook is fired |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | scripted misbehaviour, see [`faults`] |
//! | `POST /sandbox/webhooks` | `{"connexus":[URL…],"mobile_api_connect":[URL…]}`; a list left out stays as it is |
//! | `GET /sandbox/stats` | token requests, sends, webhook deliveries |
//! | `POST /sandbox/reset` | as just started: inbox, tokens, faults, stats; pending webhooks are dropped, URLs stay |
//! | `GET /healthz`, `GET /readyz` | the process answers |
//!
//! The control paths have no password: bind the sandbox where only you can reach it.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use tokio_util::sync::CancellationToken;
//!
//! let shutdown = CancellationToken::new();
//! let settings = sandbox::Settings { bind: ([127, 0, 0, 1], 0).into(), ..Default::default() };
//! let sandbox = sandbox::start(settings, shutdown.clone()).await?;
//! println!("listening on http://{}", sandbox.addr());
//! shutdown.cancel();
//! sandbox.stopped().await;
//! # Ok(())
//! # }
//! ```

mod server;
mod settings;

mod connexus;
mod control;
mod mobile_api_connect;

pub mod faults;
mod phone;
mod stats;
mod webhooks;
mod world;

mod ids;
mod parts;
mod problem;

pub use phone::{Gateway, Text};
pub use server::{Sandbox, start};
pub use settings::{Settings, SettingsError, Webhooks, parse_delays};
