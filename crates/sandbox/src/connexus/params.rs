//! Parameters of a request, form-encoded or JSON, whichever the client was written for.

use axum::{
    Form,
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Map, Value};

use super::answer::Refusal;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Named values; unknown names are ignored, as the gateway does.
#[derive(Debug)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        value.as_object().cloned().map(Self)
    }

    /// A value as text: JSON numbers and booleans as they are written, empty and absent alike.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name).ok_or_else(|| Refusal::invalid(format!("Missing parameter: {name}")))
    }

    /// E.164 digits without the leading `+`.
    pub(super) fn recipient(&self) -> Result<String, Refusal> {
        let to = self.required("to")?;
        let digits = to.bytes().all(|b| b.is_ascii_digit()) && !to.starts_with('0');
        if digits && (7..=15).contains(&to.len()) {
            Ok(to)
        } else {
            Err(Refusal::invalid("Invalid number: to must be E.164 digits without the leading +"))
        }
    }

    pub(super) fn list(&self, name: &str) -> Option<&Vec<Value>> {
        self.0.get(name)?.as_array()
    }
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Refusal;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Refusal> {
        let json = content_type_is_json(&request);
        // Set for a client that forgot it; the form extractor insists.
        request.headers_mut().insert(header::CONTENT_TYPE, FORM);
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Refusal::new(rejection.status(), "invalid_request", "Unreadable body"))?;
        if json || body.first() == Some(&b'{') {
            return match serde_json::from_slice(&body) {
                Ok(Value::Object(map)) => Ok(Self(map)),
                _ => Err(Refusal::invalid("The body is not a JSON object")),
            };
        }
        let request = Request::from_parts(parts, Body::from(body));
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, state)
            .await
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", "The form is malformed"))?;
        Ok(Self(pairs.into_iter().map(|(name, value)| (name, value.into())).collect()))
    }
}

fn content_type_is_json(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("application/json"))
}
