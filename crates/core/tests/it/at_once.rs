//! A hundred guesses at once on one code, over four sets of connections, a thousand times.

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use textproof::{
    secret::Fingerprint,
    store::{Checked, CodeKey, RequestId, Store},
};

use crate::{
    ageing::World,
    fixture::{Phone, key},
};

const SEEDS: u64 = 1_000;
/// Phones that are worked on side by side.
const ABREAST: usize = 8;
const RIGHT: u32 = 482_174;
const WRONG: u32 = 111_111;

/// The phone of a seed, reached over one of the connections.
fn phone(store: &Arc<dyn Store>, seed: u64) -> Phone {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let key = CodeKey { phone: Fingerprint::from_bytes(bytes), ..key(1, "login") };
    Phone { key, ..Phone::new(store) }
}

/// Makes all guesses at once, each over a connection that the seed draws, and returns the answers.
async fn guess_at_once(stores: &[Arc<dyn Store>], seed: u64, guesses: Vec<u32>) -> Vec<(u32, Checked)> {
    phone(&stores[0], seed).send(RIGHT).await;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut tasks = tokio::task::JoinSet::new();
    for guess in guesses {
        let phone = phone(&stores[rng.random_range(0..stores.len())], seed);
        let hesitation = rng.random_range(0..4);
        tasks.spawn(async move {
            for _ in 0..hesitation {
                tokio::task::yield_now().await;
            }
            (guess, phone.check_as(RequestId::random(), guess, None).await)
        });
    }
    tasks.join_all().await
}

/// Runs every seed, a few abreast, and holds each one's answers against a promise.
async fn every_seed(guesses: fn(&mut StdRng) -> Vec<u32>, promise: fn(u64, &[(u32, Checked)])) {
    let world = World::redis().await;
    let stores: Arc<Vec<_>> = Arc::new((0..4).map(|_| world.another_connection()).collect());
    let mut running = tokio::task::JoinSet::new();
    for seed in 0..SEEDS {
        if running.len() >= ABREAST {
            running.join_next().await.expect("one is running").expect("no panic");
        }
        let stores = Arc::clone(&stores);
        running.spawn(async move {
            let guesses = guesses(&mut StdRng::seed_from_u64(seed));
            promise(seed, &guess_at_once(&stores, seed, guesses).await);
        });
    }
    while let Some(done) = running.join_next().await {
        done.expect("no panic");
    }
}

fn count(answers: &[(u32, Checked)], wanted: impl Fn(&Checked) -> bool) -> usize {
    answers.iter().filter(|(_, answer)| wanted(answer)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_right_codes_at_once_verify_one_over_a_thousand_seeds() {
    every_seed(
        |_| vec![RIGHT; 100],
        |seed, answers| {
            let right = count(answers, |answer| *answer == Checked::Right);
            let used = count(answers, |answer| *answer == Checked::AlreadyUsed);
            assert_eq!((right, used), (1, 99), "seed {seed}");
        },
    )
    .await;
}

/// The right code somewhere among wrong ones: it is right at most once, and never after the fifth comparison.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_among_a_hundred_guesses_is_one_of_the_five_compared_or_none() {
    every_seed(
        |rng| {
            let mut guesses = vec![WRONG; 90];
            guesses.extend([RIGHT; 10]);
            guesses.shuffle(rng);
            guesses
        },
        |seed, answers| {
            let right = count(answers, |answer| *answer == Checked::Right);
            let wrong = count(answers, |answer| matches!(answer, Checked::Wrong { .. }));
            let exhausted = count(answers, |answer| matches!(answer, Checked::Exhausted { .. }));
            assert!(right <= 1 && wrong + right <= 5, "seed {seed}: {right} right, {wrong} wrong");
            assert!(right == 1 || (wrong, exhausted) == (5, 95), "seed {seed}: {wrong}, {exhausted}");
            assert!(answers.iter().all(|(guess, answer)| match answer {
                Checked::Right | Checked::AlreadyUsed => *guess == RIGHT,
                Checked::Wrong { .. } => *guess == WRONG,
                _ => true,
            }));
        },
    )
    .await;
}
