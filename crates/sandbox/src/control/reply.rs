//! `POST /sandbox/reply`: the owner of the phone writes back.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_body;
use crate::{
    connexus, mobile_api_connect,
    phone::{Gateway, bare},
    problem::Problem,
    world::{self, World},
};

const MAX_NUMBER_CHARS: usize = 32;
const MAX_TEXT_CHARS: usize = 1_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    from: String,
    /// Absent: whoever texted this phone last, else the gateway's own number.
    #[serde(default)]
    to: Option<String>,
    text: String,
    /// Absent: the gateway that texted this phone last, else Connexus.
    #[serde(default)]
    gateway: Option<Gateway>,
    /// Mobile API Connect's `ref`.
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    /// When the phone wrote it, in Unix seconds; absent: now.
    #[serde(default)]
    timestamp: Option<i64>,
}

pub(super) async fn fire(
    State(world): State<Arc<World>>,
    body: Result<Json<Reply>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let reply = json_body(body)?;
    let at = reply.check()?;
    let last = world.phone().latest(&reply.from).map(|text| (text.gateway, text.from.clone()));
    let gateway = reply.gateway.or(last.as_ref().map(|(gateway, _)| *gateway)).unwrap_or(Gateway::Connexus);
    let last_sender = last.filter(|(sender, _)| *sender == gateway).map(|(_, from)| from);
    let to = reply.to.clone().or(last_sender).unwrap_or_else(|| own_number(gateway).into());
    let from = international(&reply.from);

    world.stats().replies += 1;
    let message_id = match gateway {
        Gateway::Connexus => connexus::reply(&world, &from, &to, &reply.text, at.as_second()),
        Gateway::MobileApiConnect => {
            let reference = reply.reference.as_deref();
            mobile_api_connect::reply(&world, &from, &to, &reply.text, reference, at)
        }
    };
    Ok(Json(json!({"message_id": message_id, "gateway": gateway})))
}

impl Reply {
    fn check(&self) -> Result<Timestamp, Problem> {
        for (name, number) in [("from", Some(&self.from)), ("to", self.to.as_ref())] {
            if number.is_some_and(|number| number.trim().is_empty() || number.len() > MAX_NUMBER_CHARS) {
                let detail = format!("{name} must be 1 to {MAX_NUMBER_CHARS} characters");
                return Err(Problem::bad_request(detail));
            }
        }
        if self.text.chars().count() > MAX_TEXT_CHARS {
            return Err(Problem::bad_request(format!("text is longer than {MAX_TEXT_CHARS} characters")));
        }
        match self.timestamp {
            None => Ok(world::now()),
            Some(seconds) => Timestamp::from_second(seconds)
                .map_err(|_| Problem::bad_request("timestamp is out of range: Unix seconds are expected")),
        }
    }
}

fn own_number(gateway: Gateway) -> &'static str {
    match gateway {
        Gateway::Connexus => connexus::SHORT_CODE,
        Gateway::MobileApiConnect => mobile_api_connect::PAIRED_PHONE,
    }
}

/// Digits get their `+`; a sender that is a word (some networks have them) stays one.
fn international(from: &str) -> String {
    let bare = bare(from);
    if bare.bytes().all(|b| b.is_ascii_digit()) { format!("+{bare}") } else { bare }
}
