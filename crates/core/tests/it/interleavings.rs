//! Any interleaving of sends, settlements, guesses, repeats, redemptions and passing time: the stores answer what
//! the model answers, and whatever they answer, the guesses stay within their budget.
//!
//! All times of the rules and all steps of time are whole minutes (the least life of a code that is sent again lies
//! between two of them), so that the moments by which a real store is late never decide an answer.

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Runtime;

use crate::{
    ageing::World,
    model::{Outcome, Place, Rules},
    play::{DAY, MINUTE, Move, Play, Whose},
};

/// Whom a case is about: one place, the sessions of a purpose, or two purposes.
fn places() -> impl Strategy<Value = Vec<Place>> {
    let sessions = |purpose| {
        [None, Some(0), Some(1), Some(2), Some(3)].map(|session| Place { purpose, session }).to_vec()
    };
    let one = sessions(0)[..1].to_vec();
    let purposes = [sessions(0)[..2].to_vec(), sessions(1)[..2].to_vec()].concat();
    select(vec![one, sessions(0), purposes])
}

fn moves(places: Vec<Place>) -> impl Strategy<Value = Vec<Move>> {
    let place = select(places);
    let digits = select(vec![Whose::Last, Whose::Before, Whose::Nobody, Whose::Nobody, Whose::Nobody]);
    let handle = option::weighted(0.4, select(vec![Whose::Last, Whose::Last, Whose::Before, Whose::Nobody]));
    let outcomes = select(vec![Outcome::Sent, Outcome::NotSent, Outcome::Unknown]);
    let minutes = select(vec![1, 1, 1, 1, 2, 3, 5, 10, 60, 1439, 1440]);
    let step = prop_oneof![
        10 => place.clone().prop_map(|place| Move::Send { place }),
        2 => Just(Move::RepeatSend),
        4 => (0..3usize, outcomes).prop_map(|(back, outcome)| Move::Settle { back, outcome }),
        14 => (place, digits, handle)
            .prop_map(|(place, digits, handle)| Move::Verify { place, digits, handle }),
        3 => any::<bool>().prop_map(|other_digits| Move::RepeatVerify { other_digits }),
        2 => (0..3usize, any::<bool>()).prop_map(|(back, again)| Move::Redeem { back, again }),
        1 => (0..2u8).prop_map(|purpose| Move::Unlock { purpose }),
        1 => Just(Move::Erase),
        4 => minutes.prop_map(|minutes| Move::Advance { minutes }),
    ];
    vec(step, 1..80)
}

fn rules() -> impl Strategy<Value = Rules> {
    let ladders = select(vec![vec![0], vec![0, 0, MINUTE], vec![MINUTE, 2 * MINUTE, 5 * MINUTE]]);
    let windows = select(vec![vec![(100, 10 * MINUTE)], vec![(3, 10 * MINUTE), (10, DAY)]]);
    let failures = select(vec![(100, 10), (100, 3), (12, 12), (6, 4), (3, 1)]);
    (1..=5u8, ladders, windows, failures).prop_map(|(guesses, ladder, windows, (ceiling, free))| Rules {
        lifetime: 5 * MINUTE,
        guesses,
        resend_min_left: 2 * MINUTE + MINUTE / 2,
        remember_used: 2 * MINUTE,
        receipt_lifetime: 5 * MINUTE,
        sessions: 3,
        ladder,
        quiet: 30 * MINUTE,
        windows,
        sends_remembered: DAY,
        ceiling,
        free,
        first_wait: MINUTE,
        longest_wait: 60 * MINUTE,
        forget_after: DAY,
    })
}

/// Runs so many cases; a panic inside becomes the smallest case that fails.
fn run(cases: u32, play: impl Fn(&Rules, &[Move])) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let answer = TestRunner::new(config).run(&(rules(), places().prop_flat_map(moves)), |(rules, moves)| {
        play(&rules, &moves);
        Ok(())
    });
    if let Err(failure) = answer {
        panic!("{failure}");
    }
}

mod in_memory {
    use super::*;

    #[test]
    fn any_interleaving_stays_within_the_budget_and_matches_the_model() {
        let runtime = Runtime::new().expect("a runtime");
        run(2_000, |rules, moves| {
            runtime.block_on(Play::new(&World::memory(), rules).all(moves));
        });
    }
}

mod in_redis {
    use super::*;

    #[test]
    fn any_interleaving_stays_within_the_budget_and_matches_the_model() {
        let runtime = Runtime::new().expect("a runtime");
        let world = runtime.block_on(World::redis());
        let server = world.server().expect("a Redis");
        run(200, |rules, moves| {
            runtime.block_on(async {
                Play::new(&world, rules).all(moves).await;
                crate::schema::assert_every_key_ends(server).await;
                let mut connection = server.connection().await;
                redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("FLUSHALL answers");
            });
        });
    }
}
