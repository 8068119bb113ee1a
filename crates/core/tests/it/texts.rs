//! Texts that are no codes: one that advertises never reaches a gateway for somebody who has opted out.

use std::sync::Arc;

use textproof::{
    Error, TextOptions, TextOutcome, Texts,
    gateway::{Gateway, GatewayError, MessageClass},
    secret::FingerprintKey,
    store::Store,
};

use crate::{
    consents::{RECEIVED, ledger, say},
    host::{FakeGateway, Host, Mood},
};

crate::on_every_store!(
    marketing_to_an_opted_out_number_is_refused_before_the_gateway,
    a_text_goes_to_the_next_gateway_only_after_a_certain_non_send,
);

struct Desk {
    texts: Texts,
    first: Arc<FakeGateway>,
    second: Arc<FakeGateway>,
}

impl Desk {
    fn new(store: &Arc<dyn Store>) -> Self {
        let (first, second) = (FakeGateway::new("connexus"), FakeGateway::new("mobile-api-connect"));
        let gateways = vec![Arc::clone(&first) as Arc<dyn Gateway>, Arc::clone(&second) as Arc<dyn Gateway>];
        let key = FingerprintKey::new(&[1; 32]).expect("32 bytes");
        Self { texts: Texts::new("default", Arc::clone(store), gateways, key), first, second }
    }

    fn calls(&self) -> (usize, usize) {
        (self.first.calls(), self.second.calls())
    }
}

const fn options(class: MessageClass, sender: Option<&str>) -> TextOptions<'_> {
    TextOptions { class, sender, reference: None }
}

async fn marketing_to_an_opted_out_number_is_refused_before_the_gateway(store: Arc<dyn Store>) {
    let (desk, ledger, phone) = (Desk::new(&store), ledger(&store), Host::new(&store).phone);
    let send = async |class, sender| {
        desk.texts.send(&phone, "Sale!", options(class, sender)).await.expect("an outcome")
    };
    let marketing = MessageClass::Marketing;
    assert!(matches!(send(marketing, None).await, TextOutcome::Sent { gateway: "connexus", .. }));
    say(&ledger, "STOP", RECEIVED).await;
    for sender in [None, Some("552")] {
        assert_eq!(send(marketing, sender).await, TextOutcome::OptedOut, "{sender:?}");
    }
    assert_eq!(desk.calls(), (1, 0), "no gateway was called");
    // What belongs to something the person did goes out, and so does what another number sends.
    assert!(matches!(send(MessageClass::Transactional, None).await, TextOutcome::Sent { .. }));
    assert!(matches!(send(marketing, Some("553")).await, TextOutcome::Sent { .. }));
    say(&ledger, "START", RECEIVED + 1).await;
    assert!(matches!(send(marketing, None).await, TextOutcome::Sent { .. }));
    assert_eq!(desk.calls(), (4, 0));
}

async fn a_text_goes_to_the_next_gateway_only_after_a_certain_non_send(store: Arc<dyn Store>) {
    let (desk, phone) = (Desk::new(&store), Host::new(&store).phone);
    let send = async || desk.texts.send(&phone, "Hi", options(MessageClass::Marketing, None)).await;
    desk.first.set(Mood::RefuseFunds);
    let sent = send().await.expect("an outcome");
    assert!(matches!(sent, TextOutcome::Sent { gateway: "mobile-api-connect", .. }), "{sent:?}");
    desk.first.set(Mood::LoseAnswer);
    assert_eq!(send().await.expect("an outcome"), TextOutcome::Unknown { gateway: "connexus" });
    desk.first.set(Mood::RefuseNumber);
    let refused = send().await.expect_err("nobody has that number");
    assert!(matches!(refused, Error::Gateway(GatewayError::InvalidNumber { .. })), "{refused}");
    assert_eq!(desk.calls(), (3, 1));
}

/// A store that does not answer is no permission.
#[tokio::test]
async fn marketing_is_not_sent_when_the_store_does_not_answer() {
    let store = crate::fixture::redis_at("redis://127.0.0.1:1");
    let (desk, phone) = (Desk::new(&store), Host::new(&crate::fixture::memory()).phone);
    let refused = desk.texts.send(&phone, "Sale!", options(MessageClass::Marketing, None)).await;
    assert!(matches!(refused, Err(Error::Store(_))), "{refused:?}");
    assert_eq!(desk.calls(), (0, 0));
}
