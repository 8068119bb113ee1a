//! A denied send changes nothing, whichever limit denies it and whatever was before.
//!
//! In Redis everything that is stored is compared, times to live apart. Memory cannot be looked into: there, two
//! worlds with one history, of which one has seen the denials, answer alike from then on.

use std::{net::IpAddr, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use textproof::{
    ClientAddress, SendOptions, SendOutcome,
    store::{PhoneState, Store},
};
use tokio::runtime::Runtime;

use crate::{
    ageing::World,
    deniers::{DENIERS, Denier},
    host::{Host, wrong},
};

/// One send of a history.
#[derive(Clone, Copy, Debug)]
struct Past {
    number: u32,
    address: u8,
    keyed: bool,
    long: bool,
}

#[derive(Clone, Debug)]
struct Case {
    denier: Denier,
    before: Vec<Past>,
    keyed: bool,
    long: bool,
}

fn cases(denier: Denier) -> impl Strategy<Value = Case> {
    let past = (0..3u32, 0..3u8, any::<bool>(), any::<bool>())
        .prop_map(|(number, address, keyed, long)| Past { number, address, keyed, long });
    (vec(past, 0..4), any::<bool>(), any::<bool>()).prop_map(move |(before, keyed, long)| Case {
        denier,
        before,
        keyed,
        long,
    })
}

/// Two hosts on one store, under limits of which one is about to deny.
struct Scene {
    case: Case,
    hosts: [Host; 2],
}

impl Scene {
    /// Lives through the history and drives the phone to the limit.
    async fn new(store: &Arc<dyn Store>, case: &Case) -> Self {
        let host = || Host::with(store, case.denier.policy(), &[("a", 2)]);
        let scene = Self { case: case.clone(), hosts: [host(), host()] };
        for (n, past) in case.before.iter().enumerate() {
            let key = format!("past {n}");
            let key = past.keyed.then_some(key.as_str());
            let address = ClientAddress::Ip(IpAddr::from([192, 0, 2, past.address]));
            // The limit may already deny some of them.
            scene.send(1_000_000 + past.number, address, key, past.long, None).await;
        }
        let host = &scene.hosts[0];
        for session in [None, Some("one"), Some("two"), Some("three")] {
            scene.send(9_000_000, scene.address(), None, false, session).await;
            if case.denier == Denier::Locked {
                host.otp
                    .verify(&host.phone(9_000_000), &host.login, wrong("123456"), Host::check())
                    .await
                    .expect("an answer");
            }
        }
        scene
    }

    fn address(&self) -> ClientAddress<'static> {
        match self.case.denier {
            Denier::UnknownAddress => ClientAddress::Unknown,
            _ => ClientAddress::Ip(IpAddr::from([192, 0, 2, 77])),
        }
    }

    async fn send(
        &self,
        number: u32,
        address: ClientAddress<'_>,
        idempotency_key: Option<&str>,
        long: bool,
        session: Option<&str>,
    ) -> SendOutcome {
        let host = &self.hosts[usize::from(long)];
        let comment = if long { "ā".repeat(60) } else { String::from("Thank you.") };
        let options = SendOptions {
            comment: Some(&comment),
            address,
            idempotency_key,
            session,
            ..SendOptions::default()
        };
        host.otp.send(&host.phone(number), &host.login, "MyApp", options).await.expect("an outcome")
    }

    /// Two hosts try to send, several times, at once.
    async fn denials(&self) {
        let attempts = (0..8).map(|n| async move {
            let key = format!("denied {n}");
            let key = self.case.keyed.then_some(key.as_str());
            let long = self.case.long ^ (n % 2 == 0);
            let outcome = self.send(9_000_000, self.address(), key, long, Some("four")).await;
            let expected = self.case.denier.reason();
            assert!(
                matches!(&outcome, SendOutcome::Refused { reason, .. } if *reason == expected),
                "{outcome:?}"
            );
        });
        futures_util::future::join_all(attempts).await;
    }

    /// What the engine does from now on, as far as it can be told from outside.
    async fn what_follows(&self) -> (Vec<PhoneState>, Vec<String>) {
        let host = &self.hosts[0];
        let mut states = Vec::new();
        for number in [1_000_000, 1_000_001, 1_000_002, 9_000_000] {
            let mut state = host.otp.phone_state(&host.phone(number)).await.expect("an answer");
            // At a time that stands still, all codes are of one age.
            state.codes.sort_by_key(|code| code.in_session);
            states.push(state);
        }
        let mut outcomes = Vec::new();
        for n in 0..24 {
            let key = format!("denied {n}");
            let number = if n % 4 == 0 { 9_000_000 } else { 2_000_000 + n };
            // Handles and message ids are drawn; all the rest must be the same.
            outcomes.push(match self.send(number, self.address(), Some(&key), false, None).await {
                SendOutcome::Sent(challenge) => {
                    format!("sent, {} left, {:?}", challenge.sends_left, challenge.next_send_in)
                }
                refused @ SendOutcome::Refused { .. } => format!("{refused:?}"),
            });
        }
        (states, outcomes)
    }
}

fn run(cases_of_each: u32, play: impl Fn(&Case)) {
    for denier in DENIERS {
        let config = Config { cases: cases_of_each, failure_persistence: None, ..Config::default() };
        let answer = TestRunner::new(config).run(&cases(denier), |case| {
            play(&case);
            Ok(())
        });
        if let Err(failure) = answer {
            panic!("{failure}");
        }
    }
}

mod in_memory {
    use super::*;

    #[test]
    fn a_denied_send_changes_no_counter() {
        let runtime = Runtime::new().expect("a runtime");
        run(10, |case| {
            runtime.block_on(async {
                let (with, without) = (World::memory(), World::memory());
                let scene = Scene::new(&with.store, case).await;
                scene.denials().await;
                let untouched = Scene::new(&without.store, case).await;
                assert_eq!(scene.what_follows().await, untouched.what_follows().await);
            });
        });
    }
}

mod in_redis {
    use super::*;

    #[test]
    fn a_denied_send_changes_no_counter() {
        let runtime = Runtime::new().expect("a runtime");
        let world = runtime.block_on(World::redis());
        let server = world.server().expect("a Redis");
        let contents = async || -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
            let dump = server.dump_all().await;
            dump.keys.into_iter().map(|entry| (entry.key, entry.contents)).collect()
        };
        run(10, |case| {
            runtime.block_on(async {
                let scene = Scene::new(&world.store, case).await;
                let before = contents().await;
                scene.denials().await;
                assert_eq!(contents().await, before);
                let mut connection = server.connection().await;
                redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("FLUSHALL answers");
            });
        });
    }
}
