//! Saying what is wrong with a request that was refused, for an operator who has captured one.
//!
//! It tries other settings, other readings of the secrets and other spellings of the body, which is exactly
//! what verification must never do: nothing here is reachable from [`Endpoint::verify`].

use jiff::Timestamp;

use super::{
    endpoint::{Endpoint, Scheme},
    refused::Refused,
    settings::{EndpointError, EndpointSettings},
    verify::Request,
};

mod body;
mod finding;
mod shared;
mod signed;
mod spelling;

pub use body::BodyChange;
pub use finding::Finding;

/// What an endpoint says to a request, and why. Holds and prints no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The endpoint's own answer: the id of the secret that matched, or the reason of the refusal.
    pub answer: Result<String, Refused>,
    /// What would have to be otherwise. Empty when the request is right.
    pub findings: Vec<Finding>,
}

/// Verifies a request as the endpoint would, and looks for the reason when it is refused. `now` is the time
/// at which it was received.
///
/// # Errors
/// [`EndpointError`] when the settings make no endpoint.
pub fn explain(
    settings: &EndpointSettings,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Explanation, EndpointError> {
    let endpoint = Endpoint::new(settings.clone())?;
    let answer = endpoint.verify(request, now).map(|verified| verified.secret_id().to_owned());
    let mut findings = Vec::new();
    if answer.is_err() {
        match (endpoint.scheme(), request.path_secret) {
            (Scheme::PathSecret(_), _) | (_, None) => {}
            (_, Some(_)) => findings.push(Finding::UnexpectedPathSecret),
        }
        if let Some(refused) =
            endpoint.addresses().and_then(|allowed| allowed.admit(request.headers, request.peer).err())
        {
            findings.push(Finding::Address { known: refused == Refused::AddressNotAllowed });
        }
        findings.extend(match endpoint.scheme() {
            Scheme::Signed { signature, .. } => signed::findings(signature, settings, request, now),
            Scheme::Insecure => Vec::new(),
            scheme => shared::findings(scheme, settings, request, now),
        });
    }
    Ok(Explanation { answer, findings })
}

#[cfg(test)]
mod tests;
