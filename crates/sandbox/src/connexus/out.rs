//! `POST /sms/out`: any text, one or (as JSON) many.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    SHORT_CODE,
    answer::{Refusal, id_value, insufficient_funds},
    authorize,
    params::Params,
    webhook,
};
use crate::{
    faults::{Kind, Target, broken_answer},
    ids, parts,
    phone::{Gateway, Text},
    world::{self, World},
};

const MAX_TEXT_CHARS: usize = 1_600;
const MAX_REFERENCE_CHARS: usize = 36;

pub(super) async fn send(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    params: Result<Params, Refusal>,
) -> Response {
    world.stats().requests.connexus.out += 1;
    let door = world.door(Gateway::Connexus, Target::Out);
    if let Some(refusal) = door.pass(&world.shutdown).await {
        return refusal;
    }
    match authorize(&world, &headers).and(params) {
        Ok(params) => match params.list("messages") {
            Some(messages) => send_many(&world, messages),
            None => send_one(&world, &params),
        },
        Err(refusal) => refusal.into(),
    }
}

fn send_one(world: &Arc<World>, params: &Params) -> Response {
    let message = match Message::read(params) {
        Ok(message) => message,
        Err(refusal) => return refusal.into(),
    };
    let fault = world.acceptance_fault(Gateway::Connexus, Target::Out).map(|fault| fault.kind);
    if fault == Some(Kind::Refused200) {
        return Json(insufficient_funds()).into_response();
    }
    let answer = accept(world, message, fault);
    if fault == Some(Kind::AcceptThenDrop) { broken_answer() } else { Json(answer).into_response() }
}

/// The bulk shape: the whole request succeeds, each message for itself may fail.
fn send_many(world: &Arc<World>, messages: &[Value]) -> Response {
    let fault = world.acceptance_fault(Gateway::Connexus, Target::Out).map(|fault| fault.kind);
    let send =
        |message: &Value| match Params::from_value(message).and_then(|params| Message::read(&params).ok()) {
            Some(_) if fault == Some(Kind::Refused200) => insufficient_funds(),
            Some(message) => accept(world, message, fault),
            None => json!({"success": false, "message": "Invalid number"}),
        };
    let answers: Vec<Value> = messages.iter().map(send).collect();
    if fault == Some(Kind::AcceptThenDrop) {
        return broken_answer();
    }
    Json(json!({"success": true, "messages": answers})).into_response()
}

struct Message {
    to: String,
    from: String,
    body: String,
    reference: Option<String>,
    sandbox: bool,
}

impl Message {
    fn read(params: &Params) -> Result<Self, Refusal> {
        let (to, body) = (params.recipient()?, params.required("body")?);
        if body.chars().count() > MAX_TEXT_CHARS {
            return Err(Refusal::invalid(format!("body is longer than {MAX_TEXT_CHARS} characters")));
        }
        let reference = params.text("messageId");
        if reference.as_ref().is_some_and(|id| id.chars().count() > MAX_REFERENCE_CHARS) {
            return Err(Refusal::invalid(format!(
                "messageId is longer than {MAX_REFERENCE_CHARS} characters"
            )));
        }
        let class = params.text("messageClass");
        if class.is_some_and(|class| class != "transactional" && class != "marketing") {
            return Err(Refusal::invalid("messageClass must be transactional or marketing"));
        }
        Ok(Self {
            to,
            from: params.text("from").unwrap_or_else(|| SHORT_CODE.into()),
            body,
            reference,
            sandbox: params.text("sandbox").is_some_and(|flag| flag == "true" || flag == "1"),
        })
    }
}

fn accept(world: &Arc<World>, message: Message, fault: Option<Kind>) -> Value {
    let message_id = ids::numbered("");
    let parts = parts::count(&message.body);
    world.stats().sends.connexus.out += 1;
    world.deliver(Text {
        gateway: Gateway::Connexus,
        message_id: message_id.clone(),
        to: format!("+{}", message.to),
        from: message.from.clone(),
        text: message.body,
        parts,
        received_at: world::now(),
        sandbox: message.sandbox,
    });
    let mut answer = json!({"success": true, "status": "accepted"});
    if fault != Some(Kind::NoMessageId) {
        let id = id_value(&message_id, fault == Some(Kind::AsSeen));
        // The sender's own reference, where there is one, is what comes back on the report.
        webhook::report(world, &message.reference.map_or_else(|| id.clone(), Value::from));
        answer["message_id"] = id;
    }
    answer["to"] = message.to.into();
    answer["from"] = message.from.into();
    answer["parts"] = parts.into();
    answer
}
