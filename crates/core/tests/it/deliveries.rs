//! Delivery records: any order and any repetition end the same.

use std::sync::Arc;

use jiff::civil::date;
use textproof::{
    event::DeliveryStatus,
    store::{DeliveryCounts, DeliveryRecord, MessageKey, Store},
};

crate::on_every_store!(
    a_report_is_joined_with_its_send_in_either_order,
    status_only_moves_up,
    a_delivery_is_counted_once,
    an_unknown_message_is_none,
);

fn message(id: &str) -> MessageKey {
    MessageKey { gateway: "connexus".into(), message_id: id.into() }
}

const DAY: jiff::civil::Date = date(2026, 11, 23);

async fn a_report_is_joined_with_its_send_in_either_order(store: Arc<dyn Store>) {
    let (early, late) = (message("early"), message("late"));
    assert!(!store.record_report(&early, DeliveryStatus::Delivered, DAY).await.unwrap().joined);
    assert!(store.record_sent(&early, "+6421", DAY).await.unwrap().joined);
    assert!(!store.record_sent(&late, "+6421", DAY).await.unwrap().joined);
    assert!(store.record_report(&late, DeliveryStatus::Delivered, DAY).await.unwrap().joined);
    for key in [early, late] {
        let record = DeliveryRecord { status: Some(DeliveryStatus::Delivered), sent: true };
        assert_eq!(store.delivery(&key).await.unwrap(), Some(record));
    }
}

async fn status_only_moves_up(store: Arc<dyn Store>) {
    let key = message("m");
    use DeliveryStatus::{Accepted, Blocked, Delivered, Unknown};
    let steps = [
        (Unknown, true),
        (Accepted, true),
        (Unknown, false),
        (Delivered, true),
        (Blocked, false),
        (Delivered, false),
    ];
    let mut highest = Unknown;
    for (status, raised) in steps {
        highest = highest.max(status);
        let recorded = store.record_report(&key, status, DAY).await.unwrap();
        assert_eq!((recorded.status, recorded.raised), (highest, raised), "{status:?}");
    }
}

async fn a_delivery_is_counted_once(store: Arc<dyn Store>) {
    for id in ["a", "b"] {
        let key = message(id);
        for _ in 0..3 {
            store.record_sent(&key, "+6421", DAY).await.unwrap();
            store.record_report(&key, DeliveryStatus::Delivered, DAY).await.unwrap();
        }
    }
    store.record_report(&message("not ours"), DeliveryStatus::Delivered, DAY).await.unwrap();
    let DeliveryCounts { sent, delivered, .. } = store.delivery_counts(DAY).await.unwrap();
    assert_eq!((sent, delivered), (2, 2));
    assert_eq!(store.delivery_counts(date(2026, 11, 24)).await.unwrap(), DeliveryCounts::default());
}

async fn an_unknown_message_is_none(store: Arc<dyn Store>) {
    assert_eq!(store.delivery(&message("never")).await.unwrap(), None);
}
