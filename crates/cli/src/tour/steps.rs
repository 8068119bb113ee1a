//! The steps in the order in which they are told. A step that breaks ends the story: the next ones build on it.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use textproof::{
    ClientAddress, PhoneNumber, Purpose, Receipt, RedeemOptions, Redemption, SendOptions, SendOutcome,
    Verdict, VerifyOptions,
    event::{Content, DeliveryStatus, Event},
    otp::DeliveryState,
    store::{Consent, DeliveryRecord, MessageKey, Queue},
};
use tokio::{sync::broadcast, time::timeout};

use super::{
    PATIENCE, Step,
    inbox::{Inbox, wait_for},
    webhook::{Poster, signature},
};
use crate::local::{Local, TENANT, WEB_OTP_DOMAIN};

const PHONE: &str = "021 123 4567";
const COMPANY: &str = "Textproof";
const COMMENT: &str = "Valid for 5 minutes.";
/// The sandbox's short code on Connexus.
const SHORT_CODE: &str = "552";

/// Where the code is asked for, and so where it is good.
const SESSION: &str = "this browser";

/// What the story needs and what it has learnt so far.
struct Story<'a> {
    local: &'a Local,
    phone: PhoneNumber,
    login: Purpose,
    inbox: Inbox,
    websms: Poster,
    mac: Poster,
    events: broadcast::Receiver<Event>,
    code: String,
    receipt: Option<Receipt>,
    message_id: String,
}

/// Walks through all steps.
pub(super) async fn walk(local: &Local) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut story = match Story::begin(local) {
        Ok(story) => story,
        Err(error) => {
            return vec![Step { what: "start", held: Err(error) }];
        }
    };
    // Macro rather than a list of closures: each step borrows the story for itself.
    macro_rules! tell {
        ($($what:literal => $step:ident),+ $(,)?) => {$(
            let held = match timeout(PATIENCE, story.$step()).await {
                Ok(held) => held,
                Err(_) => Err(anyhow::anyhow!("no end within {} s", PATIENCE.as_secs())),
            };
            let broken = held.is_err();
            steps.push(Step { what: $what, held });
            if broken {
                return steps;
            }
        )+};
    }
    tell! {
        "access token" => token,
        "code sent" => send,
        "text read on the phone" => read,
        "wrong code" => wrong,
        "in another session" => elsewhere,
        "right code" => right,
        "its receipt" => redeem,
        "the same code again" => again,
        "delivery report" => delivery,
        "reply" => reply,
        "signed reply" => signed_reply,
        "STOP" => stop,
        "START" => start,
        "duplicate webhook" => duplicate,
        "forged webhook" => forged,
    }
    steps
}

/// The tour has one phone and nobody's address.
const TOUR: ClientAddress<'static> = ClientAddress::None { why: "the tour" };

impl<'a> Story<'a> {
    fn begin(local: &'a Local) -> anyhow::Result<Self> {
        let phone = local.otp.phone(PHONE)?;
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let hooks = format!("http://{}/hooks", local.ingest);
        Ok(Self {
            inbox: Inbox::new(&http, format!("http://{}", local.sandbox.addr()), phone.e164()),
            websms: Poster::new(&http, format!("{hooks}/websms/{}", local.path_secret)),
            mac: Poster::new(&http, format!("{hooks}/mac")),
            events: local.feed.listen(),
            login: Purpose::new("login")?,
            phone,
            local,
            code: String::new(),
            receipt: None,
            message_id: String::new(),
        })
    }

    async fn token(&mut self) -> anyhow::Result<String> {
        self.local.gateway.check().await?;
        self.local.gateway.check().await?;
        let requests = self.inbox.token_requests().await?;
        ensure!(requests == 1, "{requests} token requests for two uses");
        Ok("one request, shared and sealed".into())
    }

    async fn send(&mut self) -> anyhow::Result<String> {
        let options = SendOptions {
            comment: Some(COMMENT),
            web_otp_domain: Some(WEB_OTP_DOMAIN),
            session: Some(SESSION),
            address: TOUR,
            ..SendOptions::default()
        };
        let outcome = self.local.otp.send(&self.phone, &self.login, COMPANY, options).await?;
        let SendOutcome::Sent(challenge) = outcome else { bail!("{outcome:?}") };
        let DeliveryState::Accepted { message_id: Some(message_id) } = challenge.delivery else {
            bail!("the answer was lost")
        };
        self.message_id = message_id;
        Ok(format!("to {}, {} sends left", self.phone, challenge.sends_left))
    }

    async fn read(&mut self) -> anyhow::Result<String> {
        let text = self.inbox.last_text().await?;
        let code = text.split(' ').next().unwrap_or_default().to_owned();
        ensure!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "the text starts with no code");
        let expected =
            format!("{code} is your {COMPANY} verification code. {COMMENT}\n@{WEB_OTP_DOMAIN} #{code}");
        ensure!(text == expected, "the text reads otherwise");
        self.code = code;
        Ok(format!("six digits first, last line @{WEB_OTP_DOMAIN}"))
    }

    async fn verify(&self, code: &str, session: &str) -> anyhow::Result<Verdict> {
        let options = VerifyOptions { session: Some(session), address: TOUR, ..VerifyOptions::default() };
        Ok(self.local.otp.verify(&self.phone, &self.login, code, options).await?)
    }

    async fn wrong(&mut self) -> anyhow::Result<String> {
        let wrong = if self.code == "000000" { "111111" } else { "000000" };
        let verdict = self.verify(wrong, SESSION).await?;
        ensure!(verdict == Verdict::Incorrect { attempts_left: 4 }, "{verdict:?}");
        Ok("incorrect, 4 guesses left".into())
    }

    async fn elsewhere(&mut self) -> anyhow::Result<String> {
        let verdict = self.verify(&self.code, "another browser").await?;
        ensure!(verdict == Verdict::Expired, "{verdict:?}");
        Ok("the same code: expired, as if there were none".into())
    }

    async fn right(&mut self) -> anyhow::Result<String> {
        let spaced = format!("{} {}", &self.code[..3], &self.code[3..]);
        let verdict = self.verify(&spaced, SESSION).await?;
        let Verdict::Verified { receipt, .. } = verdict else { bail!("{verdict:?}") };
        self.receipt = Some(receipt);
        Ok("verified, though typed with a space".into())
    }

    async fn redeem(&mut self) -> anyhow::Result<String> {
        let receipt = self.receipt.take().context("no receipt")?;
        for expected in [Redemption::Redeemed, Redemption::Refused] {
            let options = RedeemOptions { session: Some(SESSION), ..RedeemOptions::default() };
            let answer = self.local.otp.redeem(&self.phone, &self.login, receipt.as_str(), options).await?;
            ensure!(answer == expected, "{answer:?}");
        }
        Ok("redeemed once, refused the second time".into())
    }

    async fn again(&mut self) -> anyhow::Result<String> {
        let verdict = self.verify(&self.code, SESSION).await?;
        ensure!(verdict == Verdict::AlreadyUsed, "{verdict:?}");
        Ok("already used".into())
    }

    async fn delivery(&mut self) -> anyhow::Result<String> {
        let key = MessageKey { gateway: "connexus".into(), message_id: self.message_id.clone() };
        let joined = DeliveryRecord { status: Some(DeliveryStatus::Delivered), sent: true };
        let store = &self.local.store;
        wait_for("the delivery report", async || {
            Ok((store.delivery(&key).await? == Some(joined)).then_some(()))
        })
        .await?;
        Ok("delivered, joined with its send".into())
    }

    async fn reply(&mut self) -> anyhow::Result<String> {
        self.inbox.reply("connexus", SHORT_CODE, "HOURS").await?;
        self.event_with("HOURS").await?;
        Ok("acted on, from a URL with a secret".into())
    }

    async fn signed_reply(&mut self) -> anyhow::Result<String> {
        self.inbox.reply("mobile-api-connect", "+64211110000", "balance").await?;
        self.event_with("balance").await?;
        Ok("acted on, HMAC over the raw bytes".into())
    }

    async fn stop(&mut self) -> anyhow::Result<String> {
        self.inbox.reply("connexus", SHORT_CODE, "Stop!").await?;
        self.event_with("Stop!").await?;
        ensure!(self.consent().await? == Consent::Out, "the person is not opted out");
        Ok("opted out".into())
    }

    async fn start(&mut self) -> anyhow::Result<String> {
        // Both gateways tell time in whole seconds, and at the same second opting out wins: the person
        // takes a moment, as people do.
        loop {
            self.inbox.reply("connexus", SHORT_CODE, "START").await?;
            self.event_with("START").await?;
            if self.consent().await? == Consent::In {
                return Ok("opted in again".into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn consent(&self) -> anyhow::Result<Consent> {
        let change = self.local.consent.read(TENANT, self.phone.e164(), SHORT_CODE).await?;
        Ok(change.context("nothing is known of this person's consent")?.consent)
    }

    async fn duplicate(&mut self) -> anyhow::Result<String> {
        let body = format!(
            r#"{{"type":"mo","messageId":"{:016x}","from":"{}","to":"{SHORT_CODE}","body":"twice","timestamp":1}}"#,
            rand::random::<u64>(),
            self.phone.e164()
        );
        for _ in 0..2 {
            let (status, _) = self.websms.post(&body, None).await?;
            ensure!(status == 200, "answered with {status}");
        }
        self.inbox.reply("connexus", SHORT_CODE, "after the copies").await?;
        let acted_on = self.count_until("twice", "after the copies").await?;
        ensure!(acted_on == 1, "acted on {acted_on} times");
        Ok("two copies answered, one acted on".into())
    }

    async fn forged(&mut self) -> anyhow::Result<String> {
        let body = r#"{"event":"message.received","from":"64211234567","to":"64211110000","text":"forged"}"#;
        let good = signature(&self.local.signing_secret, body)?;
        let other = signature("whsec_not_the_secret", body)?;
        let spaced = body.replace(',', ", ");
        for (body, signature) in [(body, None), (body, Some(&other)), (spaced.as_str(), Some(&good))] {
            let (status, length) = self.mac.post(body, signature.map(String::as_str)).await?;
            ensure!(status == 401 && length == 0, "answered with {status} and {length} bytes");
        }
        self.inbox.reply("connexus", SHORT_CODE, "after the forgeries").await?;
        let acted_on = self.count_until("forged", "after the forgeries").await?;
        ensure!(acted_on == 0, "acted on {acted_on} times");
        Ok("no, wrong and moved signature: 401, nothing stored".into())
    }

    /// Waits until a reply with this text was acted on.
    async fn event_with(&mut self, text: &str) -> anyhow::Result<()> {
        self.count_until("", text).await.map(drop)
    }

    /// Counts the replies with `text` that were acted on by the time one with `end` was and nothing is
    /// left on the stream.
    async fn count_until(&mut self, text: &str, end: &str) -> anyhow::Result<u32> {
        let is =
            |event: &Event, text: &str| matches!(&event.content, Content::Reply(reply) if reply.text == text);
        let mut seen = 0;
        loop {
            let event = self.events.recv().await?;
            if is(&event, end) {
                break;
            }
            seen += u32::from(is(&event, text));
        }
        let store = &self.local.store;
        wait_for("the stream to drain", async || Ok((store.depth(Queue::Events).await? == 0).then_some(())))
            .await?;
        while let Ok(event) = self.events.try_recv() {
            seen += u32::from(is(&event, text));
        }
        Ok(seen)
    }
}
