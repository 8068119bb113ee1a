//! What came of it: set equality, by everything that an effect leaves behind.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use textproof::{
    consent::ConsentLedger,
    event::DeliveryStatus,
    store::{Consent, DeliveryRecord, DeliveryStore, RedisStore},
};

use super::{
    target::Target,
    webhooks::{Kind, Poison, Webhook, Webhooks, today},
};
use crate::{
    acting::{Ledger, dead_letters},
    fixture::World,
};

const AT_ONCE: usize = 64;

pub(super) async fn assert_exactly_once(
    world: &World,
    webhooks: &Webhooks,
    poison: &Poison,
    target: &Target,
) {
    let accepted: BTreeSet<_> = webhooks.all().iter().map(|webhook| webhook.id.as_str()).collect();
    assert_eq!(accepted.len(), webhooks.all().len(), "two webhooks have one id");

    let letters: BTreeMap<_, _> =
        dead_letters(world).await.into_iter().map(|letter| (letter.id, letter.reason)).collect();
    let letters: BTreeMap<_, _> = letters.iter().map(|(id, reason)| (id.clone(), reason.as_str())).collect();
    assert_eq!(&letters, poison.reasons());
    assert!(world.pending().await.is_empty());

    let mut ledger = Ledger::open(&world.redis).await;
    let (effects, starts) = (ledger.effects().await, ledger.starts().await);
    assert_eq!(effects.keys().map(String::as_str).collect::<BTreeSet<_>>(), accepted);
    assert_eq!(ledger.total().await, accepted.len(), "an effect was counted twice");
    assert_what_the_product_keeps(world, webhooks).await;
    let forwarded_again = assert_forwarded(webhooks, target);

    let starts: Vec<_> = accepted.iter().map(|id| starts[*id].len()).collect();
    let again = starts.iter().filter(|starts| **starts > 1).count();
    println!(
        "{} events took effect once each; {again} were started more than once, one of them {} times; \
         {forwarded_again} arrived at the target more than once.",
        accepted.len(),
        starts.iter().max().copied().unwrap_or_default(),
    );
}

/// Records of messages, counters of the days, the register of consent.
async fn assert_what_the_product_keeps(world: &World, webhooks: &Webhooks) {
    let (store, register) = (world.store(), world.ledger());
    let effects = webhooks.all().iter().map(|webhook| took_effect(&store, &register, webhook));
    let mut effects = stream::iter(effects).buffer_unordered(AT_ONCE);
    while let Some(missing) = effects.next().await {
        assert_eq!(missing, None, "no effect");
    }
    let reports = webhooks.all().iter().filter(|webhook| matches!(webhook.kind, Kind::Report(_))).count();
    let (mut sent, mut delivered) = (0, 0);
    // Two days when the run went over midnight.
    for day in BTreeSet::from([webhooks.began, today()]) {
        let counts = store.delivery_counts(day).await.expect("the test's Redis");
        sent += counts.sent;
        delivered += counts.delivered;
    }
    assert_eq!((sent, delivered), (reports as u64, reports as u64));
}

/// The id, if it took none.
async fn took_effect(store: &RedisStore, register: &ConsentLedger, webhook: &Webhook) -> Option<String> {
    let did = match &webhook.kind {
        Kind::Text => true,
        Kind::Report(key) => {
            let joined = DeliveryRecord { status: Some(DeliveryStatus::Delivered), sent: true };
            store.delivery(key).await.expect("the test's Redis") == Some(joined)
        }
        Kind::Stop(phone) => {
            let known = register.read("default", phone, "552").await.expect("the test's Redis");
            known.map(|known| known.consent) == Some(Consent::Out)
        }
    };
    (!did).then(|| webhook.id.clone())
}

/// Each arrived, under its own id and no other. Returns how many arrived more than once.
fn assert_forwarded(webhooks: &Webhooks, target: &Target) -> usize {
    let mut arrived = target.arrived();
    let mut again = 0;
    for Webhook { id, message, .. } in webhooks.all() {
        let ids = arrived.remove(message).unwrap_or_default();
        assert_eq!(ids.keys().collect::<Vec<_>>(), [id], "the ids under which {message} arrived");
        again += usize::from(ids[id] > 1);
    }
    assert!(arrived.is_empty(), "nobody sent these: {arrived:?}");
    again
}
