//! A send and its reports in every order and with every repetition, held against a model.

use std::{cell::Cell, sync::Arc};

use jiff::{ToSpan, civil::Date};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use test_support::TestRedis;
use textproof::{
    event::DeliveryStatus,
    store::{DeliveryCounts, DeliveryRecord, MemoryStore, MessageKey, Recorded, Store},
};
use tokio::runtime::Runtime;

use crate::fixture;

crate::on_every_store!(each_of_630_orders_of_a_send_and_its_reports_ends_the_same);

const FIRST_DAY: Date = jiff::civil::date(2026, 11, 23);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Send,
    Report(DeliveryStatus),
}

/// What must be known of one message: no order in it, only what was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Model {
    sent: bool,
    highest: Option<DeliveryStatus>,
}

impl Model {
    fn of(steps: &[Step]) -> Self {
        let reports = steps.iter().filter_map(|step| match step {
            Step::Send => None,
            Step::Report(status) => Some(*status),
        });
        Self { sent: steps.contains(&Step::Send), highest: reports.max() }
    }

    fn record(self) -> Option<DeliveryRecord> {
        let known = self.sent || self.highest.is_some();
        known.then_some(DeliveryRecord { status: self.highest, sent: self.sent })
    }

    fn delivered(self) -> bool {
        self.sent && self.highest == Some(DeliveryStatus::Delivered)
    }

    /// The answer to the step that led here from `before`.
    fn recorded(self, before: Self) -> Recorded {
        Recorded {
            status: self.highest.unwrap_or(DeliveryStatus::Unknown),
            raised: self.highest > before.highest,
            joined: self.sent && self.highest.is_some(),
        }
    }
}

/// Plays the steps on one message, and holds each answer and the record against the model.
async fn play(store: &Arc<dyn Store>, message_id: String, day: Date, steps: &[Step]) {
    let key = MessageKey { gateway: "connexus".into(), message_id };
    assert_eq!(store.delivery(&key).await.expect("the store answers"), None);
    for at in 0..steps.len() {
        let recorded = match steps[at] {
            Step::Send => store.record_sent(&key, "+6421", day).await,
            Step::Report(status) => store.record_report(&key, status, day).await,
        };
        let expected = Model::of(&steps[..=at]).recorded(Model::of(&steps[..at]));
        assert_eq!(recorded.expect("the store answers"), expected, "step {at} of {steps:?}");
    }
    let record = store.delivery(&key).await.expect("the store answers");
    assert_eq!(record, Model::of(steps).record(), "{steps:?}");
}

async fn counted(store: &Arc<dyn Store>, day: Date) -> (u64, u64) {
    let DeliveryCounts { sent, delivered, .. } = store.delivery_counts(day).await.expect("the store answers");
    (sent, delivered)
}

async fn each_of_630_orders_of_a_send_and_its_reports_ends_the_same(store: Arc<dyn Store>) {
    use DeliveryStatus::{Delivered, Undelivered, Unknown};
    let reports = [Unknown, Undelivered, Undelivered, Delivered, Delivered].map(Step::Report);
    let mut steps = [[Step::Send; 2].as_slice(), reports.as_slice()].concat();
    let mut orders = 0;
    loop {
        play(&store, format!("m{orders}"), FIRST_DAY, &steps).await;
        orders += 1;
        if !to_the_next_order(&mut steps) {
            break;
        }
    }
    // 7! orders, of which each is there 2 · 2 · 2 times.
    assert_eq!((orders, counted(&store, FIRST_DAY).await), (630, (630, 630)));
}

/// From sorted steps through every distinct order of them; false after the last one.
fn to_the_next_order(steps: &mut [Step]) -> bool {
    let Some(pivot) = (1..steps.len()).rev().find(|at| steps[at - 1] < steps[*at]) else { return false };
    let larger = (pivot..steps.len()).rev().find(|at| steps[pivot - 1] < steps[*at]).unwrap_or(pivot);
    steps.swap(pivot - 1, larger);
    steps[pivot..].reverse();
    true
}

#[test]
fn every_order_and_repetition_ends_the_same() {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(TestRedis::start());
    let stores: [Arc<dyn Store>; 2] =
        [Arc::new(MemoryStore::new()), runtime.block_on(async { fixture::redis(&server) })];
    let step = prop_oneof![
        1 => Just(Step::Send),
        4 => select(DeliveryStatus::ALL.to_vec()).prop_map(Step::Report)
    ];
    let last_day = Cell::new(FIRST_DAY);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(200) });
    let held = runner.run(&vec(step, 1..16), |steps| {
        // A day of its own for each case, so that its counters are its own.
        let day = last_day.get().saturating_add(1.day());
        last_day.set(day);
        let model = Model::of(&steps);
        runtime.block_on(async {
            for store in &stores {
                play(store, day.to_string(), day, &steps).await;
                let expected = (u64::from(model.sent), u64::from(model.delivered()));
                assert_eq!(counted(store, day).await, expected, "{steps:?}");
            }
        });
        Ok(())
    });
    held.expect("both stores are as the model");
}
