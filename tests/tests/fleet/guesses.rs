//! Guesses at once, from all hosts, on one code.

use crate::fleet::Fleet;

/// Rounds of one test, each on a phone and so a code of its own.
const ROUNDS: usize = 200;
const WRONG: usize = 200;

#[tokio::test]
async fn two_hundred_wrong_guesses_over_four_hosts_compare_exactly_five() {
    let mut fleet = Fleet::start().await;
    for round in 0..ROUNDS / 10 {
        let phone = phone(round);
        let code = fleet.code_sent_to(&phone, round % 4).await;
        let verdicts = fleet.verify(&phone, &wrong(&code, WRONG)).await;
        assert_eq!(verdicts.of("incorrect"), 5, "{verdicts:?}");
        assert_eq!(verdicts.of("exhausted"), 195, "{verdicts:?}");
        // The right one comes too late.
        let verdicts = fleet.verify(&phone, &vec![code; 4]).await;
        assert_eq!(verdicts.of("exhausted"), 4, "{verdicts:?}");
    }
}

#[tokio::test]
async fn a_hundred_right_codes_over_four_hosts_verify_exactly_once() {
    let mut fleet = Fleet::start().await;
    for round in 0..5 * ROUNDS {
        let phone = phone(round);
        let code = fleet.code_sent_to(&phone, round % 4).await;
        let verdicts = fleet.verify(&phone, &vec![code; 100]).await;
        assert_eq!(verdicts.of("verified"), 1, "{verdicts:?}");
        assert_eq!(verdicts.of("already_used"), 99, "{verdicts:?}");
    }
}

#[tokio::test]
async fn a_right_code_among_wrong_ones_counts_only_within_the_budget() {
    let mut fleet = Fleet::start().await;
    let mut found = 0;
    for round in 0..ROUNDS {
        let phone = phone(round);
        let code = fleet.code_sent_to(&phone, round % 4).await;
        // In every other round so few that the right one is often found, or nearly none would be.
        let others = if round % 2 == 0 { WRONG / 20 } else { WRONG };
        let mut codes = wrong(&code, others);
        codes.insert(place(round, others), code);
        let verdicts = fleet.verify(&phone, &codes).await;
        let (right, wrong) = (verdicts.of("verified"), verdicts.of("incorrect"));
        assert!(right <= 1 && right + wrong <= 5, "{verdicts:?}");
        // A used code leaves no record to compare with; a code without guesses left is not compared.
        let after = verdicts.of(if right == 1 { "expired" } else { "exhausted" });
        assert_eq!(right + wrong + after, others as u64 + 1, "{verdicts:?}");
        assert!(right == 1 || wrong == 5, "{verdicts:?}");
        found += right;
    }
    println!("found in {found} of {ROUNDS} rounds");
    assert!(found > 0, "the budget was spent before the right code in every round");
}

fn phone(round: usize) -> String {
    format!("+64211{:06}", 100_000 + round)
}

/// As many different codes of the same length, none of them `code`.
fn wrong(code: &str, count: usize) -> Vec<String> {
    let first: usize = code.parse().expect("digits");
    (1..=count).map(|step| format!("{:06}", (first + step * 4_001) % 1_000_000)).collect()
}

/// A place among so many others: the same in every run, without a pattern (SplitMix64's finaliser).
fn place(round: usize, others: usize) -> usize {
    let mut z = (round as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    usize::try_from(z % (others as u64 + 1)).expect("no more than others")
}
