//! `POST /sms/otp`: a one-time code in the gateway's own words.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::json;

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

pub(super) async fn send(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    params: Result<Params, Refusal>,
) -> Response {
    world.stats().requests.connexus.otp += 1;
    let door = world.door(Gateway::Connexus, Target::Otp);
    if let Some(refusal) = door.pass(&world.shutdown).await {
        return refusal;
    }
    match authorize(&world, &headers).and(params).and_then(|params| CodeText::read(&params)) {
        Ok(code_text) => accept(&world, code_text),
        Err(refusal) => refusal.into(),
    }
}

struct CodeText {
    to: String,
    code: String,
    text: String,
}

impl CodeText {
    fn read(params: &Params) -> Result<Self, Refusal> {
        let to = params.recipient()?;
        let company = params.required("msgCompany")?;
        let code = match params.text("msgCode") {
            Some(code) if (4..=8).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) => code,
            Some(_) => return Err(Refusal::invalid("msgCode must be 4 to 8 digits")),
            None => ids::code(),
        };
        let domain = params.text("webOtpDomain");
        if domain.as_deref().is_some_and(|domain| !is_bare_host(domain)) {
            return Err(Refusal::invalid("webOtpDomain must be a bare host"));
        }
        let text = wording(&code, &company, params.text("msgComment").as_deref(), domain.as_deref());
        Ok(Self { to, code, text })
    }
}

/// The exact text that is sent; with a domain its last line is that of WICG origin-bound one-time codes.
fn wording(code: &str, company: &str, comment: Option<&str>, domain: Option<&str>) -> String {
    let mut text = format!("{code} is your {company} verification code.");
    if let Some(comment) = comment {
        text.push(' ');
        text.push_str(comment);
    }
    if let Some(domain) = domain {
        text.push_str(&format!("\n@{domain} #{code}"));
    }
    text
}

fn is_bare_host(domain: &str) -> bool {
    domain.len() <= 253 && domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

fn accept(world: &Arc<World>, sent: CodeText) -> Response {
    let fault = world.acceptance_fault(Gateway::Connexus, Target::Otp).map(|fault| fault.kind);
    if fault == Some(Kind::Refused200) {
        return Json(insufficient_funds()).into_response();
    }
    let message_id = ids::numbered("MSG");
    let parts = parts::count(&sent.text);
    world.stats().sends.connexus.otp += 1;
    world.deliver(Text {
        gateway: Gateway::Connexus,
        message_id: message_id.clone(),
        to: format!("+{}", sent.to),
        from: SHORT_CODE.into(),
        text: sent.text,
        parts,
        received_at: world::now(),
        sandbox: false,
    });
    if fault == Some(Kind::NoMessageId) {
        let body = json!({"status": "success", "to": sent.to, "from": SHORT_CODE, "code": sent.code, "parts": parts});
        return Json(body).into_response();
    }
    let id = id_value(&message_id, fault == Some(Kind::AsSeen));
    webhook::report(world, &id);
    if fault == Some(Kind::AcceptThenDrop) {
        return broken_answer();
    }
    Json(json!({
        "status": "success",
        "message_id": id,
        "to": sent.to,
        "from": SHORT_CODE,
        "code": sent.code,
        "parts": parts,
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::{is_bare_host, wording};

    #[test]
    fn the_wording_is_the_documented_one() {
        assert_eq!(wording("482174", "MyApp", None, None), "482174 is your MyApp verification code.");
        assert_eq!(
            wording("482174", "MyApp", Some("Valid for 5 minutes."), Some("app.example.com")),
            "482174 is your MyApp verification code. Valid for 5 minutes.\n@app.example.com #482174"
        );
    }

    #[test]
    fn a_domain_is_a_host_and_nothing_else() {
        assert!(is_bare_host("app.example.com"));
        for wrong in ["https://app.example.com", "app.example.com/login", "a b", "host:8080", "@host"] {
            assert!(!is_bare_host(wrong), "{wrong}");
        }
    }
}
