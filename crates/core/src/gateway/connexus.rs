//! WebSMS Connexus: codes and texts under a bearer token that the whole fleet shares.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Accepted, CodeAccepted, CodeMessage, Gateway, GatewayError, MessageClass, TextMessage,
    http::{Answer, Http},
    setup::{CONNECT_TIMEOUT, GatewaySetupError, REQUEST_TIMEOUT, check_credential},
};
use crate::{
    secret::{FingerprintKey, Peppers},
    store::{TokenKey, TokenStore},
    token::{BearerToken, SharedToken, TokenError},
};

mod answer;
mod tokens;

use tokens::Tokens;

const NAME: &str = "connexus";
/// The longest reference that the gateway echoes (WebSMS Connexus guide, `messageId`).
const MAX_REFERENCE_CHARS: usize = 36;

/// What is needed to use an account of WebSMS Connexus.
#[derive(Clone)]
pub struct ConnexusSettings {
    /// Base URL, for example `https://websms.co.nz/api/connexus`.
    pub base_url: String,
    /// The account's client id (`cid_…`).
    pub client_id: String,
    /// The account's client secret (`csk_…`).
    pub client_secret: SecretString,
    /// How long connecting may take; 5 s by default.
    pub connect_timeout: Duration,
    /// How long a whole request may take, connecting included; 10 s by default.
    pub request_timeout: Duration,
}

impl ConnexusSettings {
    /// Settings with the default timeouts.
    pub fn new(
        base_url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Self {
        Self {
            base_url: base_url.into(),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
        }
    }
}

impl fmt::Debug for ConnexusSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnexusSettings")
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}

/// The gateway WebSMS Connexus.
///
/// Hosts that use the same base URL, credentials and store share one token; it is renewed once for all of
/// them. A call that meets a 401 discards that token and is made once more with a new one; nothing else is
/// ever repeated.
pub struct Connexus {
    http: Http,
    token: SharedToken,
}

impl Connexus {
    /// Builds the gateway; nothing is called yet.
    ///
    /// `fingerprint_key` names the token in the store and `peppers` seal it.
    ///
    /// # Errors
    /// [`GatewaySetupError`] when a setting cannot be used.
    pub fn new(
        settings: ConnexusSettings,
        store: Arc<dyn TokenStore>,
        peppers: Peppers,
        fingerprint_key: &FingerprintKey,
    ) -> Result<Self, GatewaySetupError> {
        let ConnexusSettings { base_url, client_id, client_secret, connect_timeout, request_timeout } =
            settings;
        check_credential(NAME, "client id", &client_id)?;
        check_credential(NAME, "client secret", client_secret.expose_secret())?;
        let http = Http::new(NAME, &base_url, connect_timeout, request_timeout)?;
        let account = [http.base().as_str(), &client_id, client_secret.expose_secret()];
        let key = TokenKey(fingerprint_key.name("token", &account));
        let tokens = Tokens::new(http.clone(), client_id, client_secret);
        Ok(Self { http, token: SharedToken::new(key, tokens, store, peppers) })
    }

    /// Makes a call under a token, and once more under a new one when the first was refused.
    async fn call<T>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&Answer, &[&str]) -> Result<T, GatewayError> + Sync,
    ) -> Result<T, GatewayError> {
        let token = self.token.get().await.map_err(no_token)?;
        let refused = match self.attempt(call, &token, &read).await {
            Err(GatewayError::Unauthorized { .. }) => token,
            result => return result,
        };
        self.token.discard(&refused).await.map_err(no_token)?;
        let token = self.token.get().await.map_err(no_token)?;
        let result = self.attempt(call, &token, &read).await;
        if let Err(GatewayError::Unauthorized { .. }) = result
            && let Err(error) = self.token.give_up(&token).await
        {
            // The answer stays the gateway's; without the note other hosts may ask once more.
            tracing::warn!(%error, gateway.name = NAME, "the fleet could not be told that tokens are refused");
        }
        result
    }

    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        token: &BearerToken,
        read: impl Fn(&Answer, &[&str]) -> Result<T, GatewayError> + Sync,
    ) -> Result<T, GatewayError> {
        let request = self.http.post(call.path).bearer_auth(token.expose()).form(&call.form);
        let result = match self.http.exchange(request).await {
            Ok(answer) => read(&answer, &[token.expose(), call.text]),
            Err(no_answer) => Err(no_answer.into_error(NAME)),
        };
        self.http.counted(call.name, result)
    }
}

#[async_trait]
impl Gateway for Connexus {
    fn name(&self) -> &'static str {
        NAME
    }

    fn makes_codes(&self) -> bool {
        true
    }

    async fn send_code(&self, message: &CodeMessage<'_>) -> Result<CodeAccepted, GatewayError> {
        let mut form = vec![("to", message.to.digits()), ("msgCompany", message.company)];
        form.extend(message.code.map(|code| ("msgCode", code.expose())));
        form.extend(message.comment.map(|comment| ("msgComment", comment)));
        form.extend(message.web_otp_domain.map(|domain| ("webOtpDomain", domain)));
        let call = Call { name: "otp", path: "sms/otp", form, text: "" };
        self.call(&call, |answer, hidden| answer::code(answer, message.code, hidden)).await
    }

    async fn send_text(&self, message: &TextMessage<'_>) -> Result<Accepted, GatewayError> {
        if message.reference.is_some_and(|reference| reference.chars().count() > MAX_REFERENCE_CHARS) {
            let what = "a reference has at most 36 characters";
            return Err(GatewayError::Unsupported { gateway: NAME, what });
        }
        let class = match message.class {
            MessageClass::Transactional => "transactional",
            MessageClass::Marketing => "marketing",
        };
        let mut form = vec![("to", message.to.digits()), ("body", message.body), ("messageClass", class)];
        form.extend(message.reference.map(|reference| ("messageId", reference)));
        let call = Call { name: "text", path: "sms/out", form, text: message.body };
        self.call(&call, answer::text).await
    }

    async fn prepare(&self) -> Result<(), GatewayError> {
        self.check().await
    }

    /// Obtains a token, or finds the fleet's: the gateway has no call that only checks one.
    async fn check(&self) -> Result<(), GatewayError> {
        self.token.get().await.map(drop).map_err(no_token)
    }
}

impl fmt::Debug for Connexus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connexus").field("base_url", &self.http.base().as_str()).finish_non_exhaustive()
    }
}

/// A protected call. It has no `Debug`: the form holds the number and the code.
struct Call<'a> {
    name: &'static str,
    path: &'static str,
    form: Vec<(&'static str, &'a str)>,
    /// The text, which a refusal must not repeat.
    text: &'a str,
}

fn no_token(source: TokenError) -> GatewayError {
    GatewayError::Token { gateway: NAME, source }
}
