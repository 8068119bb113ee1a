//! One interleaving, played against a store and the model at once, with the guesses counted beside both.

use std::collections::{BTreeMap, BTreeSet};

use textproof::secret::Fingerprint;

use crate::{
    adapter::Asked,
    ageing::World,
    fixture::millis,
    model::{Guess, Id, Model, Outcome, Place, Rules, SendAnswer, VerifyAnswer},
};

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const DAY: u64 = 1440 * MINUTE;

/// One step. Sends and guesses of the past are named by how many came after them.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    Send { place: Place },
    RepeatSend,
    Settle { back: usize, outcome: Outcome },
    Verify { place: Place, digits: Whose, handle: Option<Whose> },
    RepeatVerify { other_digits: bool },
    Redeem { back: usize, again: bool },
    Unlock { purpose: u8 },
    Erase,
    Advance { minutes: u64 },
}

/// Which code of a place the digits or the handle of a guess are of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    Last,
    Before,
    Nobody,
}

pub(crate) struct Play<'a> {
    world: &'a World,
    rules: &'a Rules,
    store: Asked,
    model: Model,
    now: u64,
    sends: Vec<(Place, Id)>,
    guesses: Vec<(Place, Guess)>,
    redemptions: Id,
    /// Fresh codes of each place. Digits and handle of a code are the number of the send that made it.
    codes: BTreeMap<Place, Vec<u32>>,
    budget: Budget,
}

/// What was compared, by the answers of the store alone.
#[derive(Default)]
struct Budget {
    /// By code: the guesses that were compared, and those that were right.
    compared: BTreeMap<u32, BTreeSet<Id>>,
    right: BTreeMap<u32, BTreeSet<Id>>,
    in_a_row: BTreeMap<u8, u8>,
}

impl<'a> Play<'a> {
    pub(crate) fn new(world: &'a World, rules: &'a Rules) -> Self {
        Self {
            world,
            rules,
            store: Asked::new(world.store.clone(), Fingerprint::from_bytes([1; 16]), rules),
            model: Model::new(rules.clone()),
            now: DAY,
            sends: Vec::new(),
            guesses: Vec::new(),
            redemptions: 2_000_000,
            codes: BTreeMap::new(),
            budget: Budget::default(),
        }
    }

    pub(crate) async fn all(mut self, moves: &[Move]) {
        for step in moves {
            self.step(step).await;
            assert_eq!(self.store.state().await, self.model.state(self.now), "after {step:?}");
        }
    }

    async fn step(&mut self, step: &Move) {
        match *step {
            Move::Send { place } => {
                self.sends.push((place, self.sends.len() as Id + 1));
                self.send().await;
            }
            Move::RepeatSend if self.sends.is_empty() => {}
            Move::RepeatSend => self.send().await,
            Move::Settle { back, outcome } => {
                let Some((place, id)) = self.sends.iter().rev().nth(back).copied() else { return };
                let expected = self.model.settle(place, id, outcome, self.now);
                assert_eq!(self.store.settle(place, id, outcome).await, expected, "{step:?}");
            }
            Move::Verify { place, digits, handle } => {
                let (digits, handle) = (self.of(place, digits), handle.map(|whose| self.of(place, whose)));
                let id = 1_000_000 + self.guesses.len() as Id;
                self.guesses.push((place, Guess { digits, handle, id }));
                self.verify(place, Guess { digits, handle, id }).await;
            }
            Move::RepeatVerify { other_digits } => {
                let Some((place, guess)) = self.guesses.last().copied() else { return };
                let digits = if other_digits { 999_999 } else { guess.digits };
                self.verify(place, Guess { digits, ..guess }).await;
            }
            Move::Redeem { back, again } => {
                let Some((_, guess)) = self.guesses.iter().rev().nth(back).copied() else { return };
                self.redemptions += Id::from(!again);
                let expected = self.model.redeem(guess.id, self.redemptions, self.now);
                assert_eq!(self.store.redeem(guess.id, self.redemptions).await, expected, "{step:?}");
            }
            Move::Unlock { purpose } => {
                assert_eq!(self.store.unlock(purpose).await, self.model.unlock(purpose), "{step:?}");
                self.budget.in_a_row.remove(&purpose);
            }
            Move::Erase => {
                self.store.erase().await;
                self.model.erase();
                self.budget.in_a_row.clear();
            }
            Move::Advance { minutes } => {
                self.now += minutes * MINUTE;
                self.world.advance(millis(minutes * MINUTE)).await;
            }
        }
    }

    fn of(&self, place: Place, whose: Whose) -> u32 {
        let back = match whose {
            Whose::Last => 0,
            Whose::Before => 1,
            Whose::Nobody => return 0,
        };
        self.codes.get(&place).and_then(|codes| codes.iter().rev().nth(back)).copied().unwrap_or(0)
    }

    /// The last send, for the first time or again.
    async fn send(&mut self) {
        let (place, id) = self.sends[self.sends.len() - 1];
        let number = u32::try_from(id).expect("few sends");
        let expected = self.model.send(place, id, number, number, self.now);
        let answer = self.store.send(place, id, number, number).await;
        self.agree(&answer, expected, send_times);
        if matches!(answer, SendAnswer::Granted { same: false, repeated: false, .. }) {
            self.codes.entry(place).or_default().push(number);
            self.budget.fresh(number);
        }
    }

    async fn verify(&mut self, place: Place, guess: Guess) {
        let expected = self.model.verify(place, guess, self.now);
        let answer = self.store.verify(place, guess).await;
        self.agree(&answer, expected, verify_times);
        let code = self.of(place, Whose::Last);
        self.budget.count(place, code, guess.id, &answer, self.rules);
    }

    /// The same answer, with times that are at most as late as the store may be.
    fn agree<T: PartialEq + Clone + std::fmt::Debug>(
        &self,
        answer: &T,
        mut expected: T,
        times: fn(&mut T) -> Vec<&mut u64>,
    ) {
        let tolerance = u64::try_from(self.world.tolerance().as_millis()).expect("seconds fit");
        let mut given = answer.clone();
        for (given, expected) in times(&mut given).into_iter().zip(times(&mut expected)) {
            if *given <= *expected && *given + tolerance >= *expected {
                *given = *expected;
            }
        }
        assert_eq!(given, expected, "the store said {answer:?}, after {:?}", self.guesses.last());
    }
}

fn send_times(answer: &mut SendAnswer) -> Vec<&mut u64> {
    match answer {
        SendAnswer::Granted { expires_in, next_send_in, .. } => vec![expires_in, next_send_in],
        SendAnswer::CoolDown { wait } | SendAnswer::Window { wait } | SendAnswer::Sessions { wait } => {
            vec![wait]
        }
        SendAnswer::Locked => vec![],
    }
}

fn verify_times(answer: &mut VerifyAnswer) -> Vec<&mut u64> {
    match answer {
        VerifyAnswer::Exhausted { wait } | VerifyAnswer::Throttled { wait: Some(wait) } => vec![wait],
        _ => vec![],
    }
}

impl Budget {
    fn fresh(&mut self, code: u32) {
        self.compared.remove(&code);
        self.right.remove(&code);
    }

    /// Counts an answer, unless it repeats one, and holds the promises.
    fn count(&mut self, place: Place, code: u32, guess: Id, answer: &VerifyAnswer, rules: &Rules) {
        let right = match answer {
            VerifyAnswer::Right => true,
            VerifyAnswer::Wrong { .. } => false,
            _ => return,
        };
        let compared = self.compared.entry(code).or_default();
        if compared.insert(guess) {
            let in_a_row = self.in_a_row.entry(place.purpose).or_default();
            *in_a_row = if right { 0 } else { *in_a_row + 1 };
            assert!(*in_a_row <= rules.ceiling, "{in_a_row} failures in a row");
        }
        assert!(compared.len() <= usize::from(rules.guesses), "{compared:?} were compared with one code");
        if right {
            let right = self.right.entry(code).or_default();
            right.insert(guess);
            assert_eq!(right.len(), 1, "one code was right for {right:?}");
        }
    }
}
