//! Hosts whose clocks are wrong: what they agree on is Redis's time.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use test_support::eventually_true;

use crate::fleet::{Fleet, HOSTS};

/// How far each host's clock is off, as libfaketime wants it, and in hours.
const CLOCKS: [(&str, i64); HOSTS] = [("+0", 0), ("+1h", 1), ("-1h", -1), ("+1h", 1)];
const PHONE: &str = "+64211234567";

/// The library that fakes the clock of a process; `scripts/test` installs it.
fn libfaketime() -> PathBuf {
    let places = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib"].map(PathBuf::from);
    let below = places.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    let folders = places.iter().cloned().chain(below.map(|entry| entry.path()));
    let mut files = folders
        .flat_map(|folder| [folder.join("faketime/libfaketime.so.1"), folder.join("libfaketime.so.1")]);
    files.find(|file| file.is_file()).expect("libfaketime is installed: the package faketime or libfaketime")
}

#[tokio::test]
async fn hosts_with_clocks_an_hour_off_give_the_same_verdicts() {
    let library = libfaketime();
    let mut fleet = Fleet::start_with(|host, builder| {
        builder
            .env("LD_PRELOAD", &library)
            .env("FAKETIME", CLOCKS[host].0)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("TEXTPROOF_OTP_TTL_SECONDS", "6")
    })
    .await;
    let here = jiff::Timestamp::now().as_millisecond();
    for (host, (_, hours)) in CLOCKS.iter().enumerate() {
        let answer = fleet.hosts[host].ask(json!({ "do": "now" })).await;
        let off = answer["now_ms"].as_i64().expect("a time") - here;
        assert!((off - hours * 3_600_000).abs() < 600_000, "host {host} is {off} ms off");
    }

    // Live for every host, whichever sent it, and used up for all of them.
    for sender in 0..HOSTS {
        let phone = format!("+6421123456{sender}");
        let code = fleet.code_sent_to(&phone, sender).await;
        let wrong = if code == "000000" { "111111" } else { "000000" };
        assert_eq!(verdicts(&mut fleet, &phone, wrong).await, ["incorrect"; HOSTS], "sent by {sender}");
        let verifier = (sender + 1) % HOSTS;
        let verify = json!({ "do": "verify", "phone": phone, "codes": [code] });
        assert_eq!(fleet.hosts[verifier].run(verify).await, json!({ "verified": 1 }));
        assert_eq!(verdicts(&mut fleet, &phone, &code).await, ["already_used"; HOSTS]);
    }

    // At its end it is expired for every host at once, which is when Redis says so.
    let phone = PHONE.replace("4567", "4599");
    let code = fleet.code_sent_to(&phone, 1).await;
    let mut connection = fleet.redis.connection().await;
    eventually_true(Duration::from_secs(30), "Redis has let the code go", async || {
        let keys: Vec<String> =
            redis::cmd("KEYS").arg("*:c:login").query_async(&mut connection).await.expect("KEYS answers");
        let mut live = 0;
        for key in keys {
            let record: Option<Vec<u8>> =
                redis::cmd("GET").arg(key).query_async(&mut connection).await.expect("GET answers");
            live += u32::from(record.is_some_and(|record| record[0] % 8 == 1));
        }
        live == 0
    })
    .await;
    assert_eq!(verdicts(&mut fleet, &phone, &code).await, ["expired"; HOSTS]);
}

/// What each host says to this code.
async fn verdicts(fleet: &mut Fleet, phone: &str, code: &str) -> Vec<String> {
    let mut verdicts = Vec::new();
    for host in &mut fleet.hosts {
        let tally = host.run(json!({ "do": "verify", "phone": phone, "codes": [code] })).await;
        let words = tally.as_object().expect("a tally").iter();
        verdicts.extend(words.filter(|(_, count)| **count == 1).map(|(word, _)| word.clone()));
    }
    verdicts
}
