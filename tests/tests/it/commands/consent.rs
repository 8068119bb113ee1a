//! `textproof consent` and `textproof text`: what a real worker kept of what people texted, and what an operator does.

use serde_json::{Value, json};
use test_support::eventually_true;

use super::{Desk, Ended};
use crate::fixture::{PATIENCE, World, http, post, reply, websms};

const PHONE: &str = "+64211234567";
const OTHER: &str = "+64217654321";
const SECONDS: u64 = 1_700_000_000;

/// Lets a real ingest and a real worker have these texts: from, text, seconds.
async fn texted(world: &World, texts: &[(&str, &str, u64)]) {
    let ingest = world.binary("webhook-ingest").listen().await;
    // What was posted before, and waits, is settled with them.
    let before = world.marks().await.len();
    for (number, (from, text, seconds)) in texts.iter().enumerate() {
        let body = reply(&format!("m{before}-{number}"), from, text, SECONDS + seconds);
        assert_eq!(post(&http(), &websms(&ingest), body).await.0, 200);
    }
    let mut worker = world.binary("worker").listen().await;
    eventually_true(PATIENCE, "they are settled", async || {
        let marks = world.marks().await;
        marks.len() == before + texts.len() && marks.values().all(|state| *state == 'D')
    })
    .await;
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
}

async fn consent(world: &World, arguments: &[&str]) -> Ended {
    Ended::of(world.binary("textproof").arg("--json").arg("consent").args(arguments)).await
}

fn lines(exported: &Ended) -> Vec<Value> {
    assert_eq!(exported.status, 0, "{}", exported.output());
    exported.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test]
async fn what_somebody_said_is_shown_with_what_shows_it() {
    let world = World::start().await;
    texted(&world, &[(PHONE, "START", 1), (PHONE, "Stop!", 2)]).await;
    let shown = consent(&world, &["show", PHONE]).await;
    assert_eq!(shown.status, 0, "{}", shown.output());
    let shown = shown.json();
    assert_eq!(shown["phone"], "+64…67");
    let in_force = &shown["in_force"][0];
    assert_eq!(
        (&in_force["consent"], &in_force["sender"], &in_force["at"]),
        (&json!("out"), &json!("552"), &json!("2023-11-14T22:13:22Z"))
    );
    let kept: Vec<_> = shown["ledger"].as_array().expect("a list").iter().map(|kept| &kept["text"]).collect();
    assert_eq!(kept, ["START", "Stop!"]);
    // Nothing of it is in Redis in clear.
    let dump = world.redis.dump_all().await;
    let consent_keys = dump.keys.iter().filter(|key| key.key.ends_with(b"}:o") || key.key.ends_with(b"}:h"));
    let found: Vec<_> = consent_keys.collect();
    assert_eq!(found.len(), 2);
    for key in found {
        for word in [&b"1234567"[..], b"Stop!", b"552"] {
            let clear = key.contents.iter().any(|part| part.windows(word.len()).any(|window| window == word));
            assert!(!clear, "{}", String::from_utf8_lossy(&key.key));
        }
    }
}

#[tokio::test]
async fn texts_to_be_read_are_listed_and_resolved_when_asked_twice() {
    let world = World::start().await;
    texted(&world, &[(PHONE, "please stop texting me", 1), (OTHER, "see you at the end\\u001b[2J", 2)]).await;
    let listed = consent(&world, &["review", "list"]).await.json();
    let entries = listed["entries"].as_array().expect("a list").clone();
    assert_eq!(
        (entries.len(), &entries[0]["text"], &entries[0]["from"], &entries[0]["word"]),
        (2, &json!("please stop texting me"), &json!("+64…67"), &json!("stop"))
    );
    let table = Ended::of(world.binary("textproof").args(["consent", "review", "list"])).await;
    assert!(
        table.stdout.contains("the end\\u{1b}[2J") && !table.stdout.contains('\u{1b}'),
        "{}",
        table.stdout
    );
    let ids: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().expect("an id")).collect();

    let resolve = async |arguments: &[&str]| {
        let resolved = consent(&world, &[&["review", "resolve"], arguments].concat()).await;
        (resolved.status, resolved.json()["outcome"].clone())
    };
    assert_eq!(resolve(&[ids[0], "out"]).await, (0, json!("dry_run")));
    assert!(!world.ledger().opted_out("default", PHONE, None).await.expect("the store answers"));
    assert_eq!(resolve(&[ids[0], "out", "--yes"]).await, (0, json!("changed")));
    assert!(world.ledger().opted_out("default", PHONE, None).await.expect("the store answers"));
    assert_eq!(resolve(&[ids[0], "out", "--yes"]).await, (1, json!("not_found")));
    assert_eq!(resolve(&[ids[1], "ignore", "--yes"]).await, (0, json!("unchanged")));
    assert!(!world.ledger().opted_out("default", OTHER, None).await.expect("the store answers"));
    let listed = consent(&world, &["review", "list"]).await.json();
    assert_eq!(listed, json!({ "entries": [], "more": 0 }));
}

#[tokio::test]
async fn consent_moves_to_another_store_and_importing_twice_is_importing_once() {
    let (here, there) = (World::start().await, World::start().await);
    texted(&here, &[(PHONE, "STOP", 1), (OTHER, "START", 2)]).await;
    let exported = consent(&here, &["export"]).await;
    let rows = lines(&exported);
    assert_eq!(rows.len(), 2);
    let row = rows.iter().find(|row| row["phone"] == PHONE).expect("a row");
    assert_eq!(
        (&row["tenant"], &row["sender"], &row["consent"], &row["text"], &row["endpoint"]),
        (&json!("default"), &json!("552"), &json!("out"), &json!("STOP"), &json!("websms"))
    );
    let csv = consent(&here, &["export", "--format", "csv"]).await;
    assert!(csv.stdout.starts_with("tenant,phone,sender,consent,at,event_id,"), "{}", csv.output());

    let folder = there.folder("in");
    let file = folder.join("consent.csv");
    let file = file.to_str().expect("a name");
    let written = consent(&here, &["export", "--format", "csv", file]).await;
    assert_eq!((written.status, &written.json()["statements"]), (0, &json!(2)), "{}", written.output());
    assert_eq!(consent(&here, &["export", file]).await.status, 2, "nobody's file is written over");

    let dry = consent(&there, &["import", file]).await;
    assert_eq!(
        (&dry.json()["outcome"], &dry.json()["would_change"]),
        (&json!("dry_run"), &json!(2)),
        "{}",
        dry.output()
    );
    assert_eq!(lines(&consent(&there, &["export"]).await).len(), 0, "a dry run changes nothing");
    for (changed, known) in [(2, 0), (0, 2)] {
        let imported = consent(&there, &["import", file, "--yes"]).await;
        assert_eq!(
            (imported.status, &imported.json()["changed"], &imported.json()["known"]),
            (0, &json!(changed), &json!(known)),
            "{}",
            imported.output()
        );
    }
    // The same again from JSON lines, with the texts: known statements stay.
    let jsonl = there.write("consent.jsonl", &exported.stdout);
    let imported = consent(&there, &["import", jsonl.to_str().expect("a name"), "--yes"]).await;
    assert_eq!(imported.json()["known"], 2, "{}", imported.output());
    let csv_again = consent(&there, &["export", "--format", "csv"]).await;
    assert_eq!(csv_again.stdout, csv.stdout, "same names, same order, same statements");
}

#[tokio::test]
async fn bad_lines_are_named_and_keep_no_good_line_from_being_imported() {
    let world = World::start().await;
    let good = r#"{"phone":"+64211234567","sender":"552","consent":"out","at":"2026-11-01T00:00:00Z"}"#;
    let later = good.replace("\"out\"", "\"in\"").replace("2026-11-01", "2026-11-02");
    let jsonl = [
        good,
        "",
        &good.replace("out", "maybe"),
        &good.replace("2026", "2999"),
        &good.replace("+64211234567", "021 123 4567"),
        &good.replace("+64211234567", "021 123"),
        "{canary",
        &good.replace("\"552\"", "\"\""),
        &"x".repeat(200_000),
        &later,
        good,
    ]
    .join("\n");
    let csv = "sender,phone,consent,at\n552,+64217654321,out,2026-11-01T00:00:00Z\n552,canary\n\
               552,+64217654321,in,yesterday\n552,+64217654321,in,2026-10-01T00:00:00Z\n";
    for (name, text, bad, changed, known) in
        [("a.jsonl", jsonl.as_str(), vec![3, 4, 5, 6, 7, 8, 9], 2, 1), ("a.csv", csv, vec![3, 4], 1, 1)]
    {
        let file = world.write(name, text);
        let imported = consent(&world, &["import", file.to_str().expect("a name"), "--yes"]).await;
        let (status, said) = (imported.status, imported.json());
        assert_eq!((status, &said["changed"], &said["known"]), (1, &json!(changed), &json!(known)), "{said}");
        let named = said["bad_lines"].as_array().expect("a list");
        let named: Vec<_> = named.iter().map(|line| line.as_str().expect("a line")).collect();
        let numbers: Vec<_> = bad.iter().map(|number| format!("line {number}:")).collect();
        assert_eq!((said["bad"].as_u64(), named.len()), (Some(bad.len() as u64), bad.len()), "{said}");
        for (line, number) in named.iter().zip(&numbers) {
            assert!(line.starts_with(number), "{named:?}");
        }
        assert!(!imported.output().contains("canary"), "{}", imported.output());
    }
    let ledger = world.ledger();
    let opted_out = async |phone| ledger.opted_out("default", phone, None).await.expect("the store answers");
    assert!(!opted_out(PHONE).await && opted_out(OTHER).await, "the later statement stands");
}

#[tokio::test]
async fn an_erased_person_stays_opted_out_also_in_another_store() {
    let desk = Desk::start().await;
    texted(&desk.world, &[(PHONE, "STOP", 1), (PHONE, "see you at the end", 2)]).await;
    let erased = desk.run(&["--json", "erase", PHONE, "--yes"]).await;
    // Two in the ledger, and one to be read, which counts as an opt-out from then on.
    assert_eq!((erased.status, &erased.json()["statements_erased"]), (0, &json!(3)), "{}", erased.output());
    let exported = consent(&desk.world, &["export"]).await;
    let rows = lines(&exported);
    assert_eq!((rows.len(), &rows[0]["consent"], &rows[0]["phone"]), (1, &json!("out"), &Value::Null));
    assert_eq!(consent(&desk.world, &["show", PHONE]).await.json()["ledger"], json!([]));

    let there = World::start().await;
    let file = there.write("consent.jsonl", &exported.stdout);
    let imported = consent(&there, &["import", file.to_str().expect("a name"), "--yes"]).await;
    assert_eq!((imported.status, &imported.json()["changed"]), (0, &json!(1)), "{}", imported.output());
    assert!(there.ledger().opted_out("default", PHONE, Some("552")).await.expect("the store answers"));
}

/// One person, and two tenants of one configuration.
#[tokio::test]
async fn erasing_reaches_what_was_said_to_every_tenant() {
    let mut desk = Desk::start().await;
    let acme = "[[endpoint]]\nname = \"acme\"\ntenant = \"acme\"\ndialect = \"connexus\"\ninsecure = true\n";
    desk.world = World::on(test_support::TestRedis::start().await, acme);
    let ingest = desk.world.binary("webhook-ingest").listen().await;
    let url = format!("{}/hooks/acme", ingest.url());
    assert_eq!(post(&http(), &url, reply("a1", PHONE, "STOP", SECONDS)).await.0, 200);
    texted(&desk.world, &[(PHONE, "STOP", 1)]).await;
    let erased = desk.run(&["--json", "erase", PHONE, "--yes"]).await;
    assert_eq!((erased.status, &erased.json()["statements_erased"]), (0, &json!(4)), "{}", erased.output());
    for tenant in ["default", "acme"] {
        let shown = consent(&desk.world, &["show", PHONE, "--tenant", tenant]).await.json();
        assert_eq!(
            (&shown["in_force"][0]["consent"], &shown["ledger"]),
            (&json!("out"), &json!([])),
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn marketing_is_refused_to_whoever_has_opted_out_and_codes_are_the_tenants_choice() {
    let desk = Desk::start().await;
    texted(&desk.world, &[(PHONE, "STOP", 1)]).await;
    let text = async |class| desk.run(&["--json", "text", PHONE, "--body", "Sale!", "--class", class]).await;
    let refused = text("marketing").await;
    assert_eq!((refused.status, &refused.json()["reason"]), (1, &json!("opted_out")), "{}", refused.output());
    assert_eq!(desk.texts(PHONE).await, Vec::<String>::new());
    let sent = text("transactional").await;
    assert_eq!((sent.status, &sent.json()["outcome"]), (0, &json!("sent")), "{}", sent.output());
    assert_eq!(desk.texts(PHONE).await, ["Sale!"]);

    let send = ["--json", "send", PHONE, "--company", "MyApp"];
    let strict = desk.textproof(&send).env("TEXTPROOF_CONSENT_CODES_AFTER_STOP", "false");
    let suppressed = Ended::of(strict).await;
    assert_eq!(
        (suppressed.status, &suppressed.json()["outcome"]),
        (0, &json!("sent")),
        "it looks like any other"
    );
    assert_eq!(desk.texts(PHONE).await.len(), 1, "and nothing goes out");
    let other = desk.run(&["--json", "send", OTHER, "--company", "MyApp"]).await;
    assert_eq!(other.status, 0, "{}", other.output());
    assert_eq!(desk.texts(OTHER).await.len(), 1);
}

/// Codes go to mobiles in New Zealand; people who text are where they are.
#[tokio::test]
async fn people_elsewhere_and_on_landlines_are_shown_and_erased_too() {
    const ABROAD: &str = "+12025550123";
    const LANDLINE: &str = "+6495551234";
    let desk = Desk::start().await;
    texted(&desk.world, &[(ABROAD, "STOP", 1), (LANDLINE, "STOP", 2)]).await;
    for phone in [ABROAD, LANDLINE] {
        assert_eq!(desk.run(&["--json", "phone", phone]).await.status, 0);
        let erased = desk.run(&["--json", "erase", phone, "--yes"]).await;
        assert_eq!(
            (erased.status, &erased.json()["statements_erased"]),
            (0, &json!(2)),
            "{}",
            erased.output()
        );
        let shown = consent(&desk.world, &["show", phone]).await.json();
        assert_eq!((&shown["in_force"][0]["consent"], &shown["ledger"]), (&json!("out"), &json!([])));
    }
    // Without a plus it is read as for codes, and never as somebody's abroad.
    for (written, masked) in [("021 123 4567", "+64…67"), ("2917123456", "+64…56"), ("61412345678", "+61…78")]
    {
        assert_eq!(desk.run(&["--json", "erase", written]).await.json()["phone"], masked, "{written}");
    }
    assert_eq!(desk.run(&["--json", "erase", "+2917123456"]).await.json()["phone"], "+291…56");
}

#[tokio::test]
async fn a_waiting_opt_in_in_words_of_ones_own_is_no_opt_out_when_its_person_is_erased() {
    let mut desk = Desk::start().await;
    let open = "[consent]\nin_words = [\"KIA ORA\"]\n\n\
                [[endpoint]]\nname = \"open\"\ndialect = \"connexus\"\ninsecure = true\n";
    desk.world = World::on(test_support::TestRedis::start().await, open);
    let ingest = desk.world.binary("webhook-ingest").listen().await;
    let url = format!("{}/hooks/open", ingest.url());
    assert_eq!(post(&http(), &url, reply("o1", PHONE, "kia ora", SECONDS)).await.0, 200);
    texted(&desk.world, &[(OTHER, "hello", 1)]).await;
    let waiting = consent(&desk.world, &["review", "list"]).await;
    assert!(waiting.stdout.contains("kia ora"), "{}", waiting.output());
    let erased = desk.run(&["--json", "erase", PHONE, "--yes"]).await;
    assert_eq!(erased.status, 0, "{}", erased.output());
    assert_eq!(consent(&desk.world, &["show", PHONE]).await.json()["in_force"], json!([]));
    assert!(!consent(&desk.world, &["review", "list"]).await.stdout.contains("kia ora"));
}
