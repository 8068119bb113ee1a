//! A code belongs to one tenant, purpose, phone and session, and to nothing else.

use std::{sync::Arc, time::Duration};

use test_support::TestRedis;
use textproof::{
    Otp, OtpSettings, PhoneNumber, Policy, Purpose, SendOptions, Verdict, VerifyOptions, store::Checked,
};

use crate::{
    ageing::World,
    fixture::{Phone, loose},
    host::{FakeGateway, Host, challenge, settings},
    sessions::place,
};

crate::in_every_world!(
    no_mismatch_of_purpose_and_session_verifies,
    no_mismatch_of_tenant_purpose_and_session_verifies_through_the_engine,
);

/// Every purpose with every session; three sessions are as many as a purpose may have.
fn places(world: &World) -> Vec<Phone> {
    let sessions = [None, Some(1), Some(2)];
    ["login", "pay", "log"]
        .map(|purpose| sessions.map(|session| place(world, purpose, session)))
        .into_iter()
        .flatten()
        .collect()
}

async fn no_mismatch_of_purpose_and_session_verifies(world: &World) {
    let count = places(world).len();
    for issued in 0..count {
        for checked in (0..count).filter(|checked| *checked != issued) {
            let places = places(world);
            places[issued].send(482_174).await;
            assert_eq!(places[checked].check(482_174).await, Checked::Absent, "nothing was sent there");
            places[checked].send(111_111).await;
            assert_eq!(places[checked].check(482_174).await, Checked::Wrong { left: 4 }, "another code was");
            assert_eq!(places[issued].check(482_174).await, Checked::Right, "and its own is as it was");
            world.advance(Duration::from_secs(300)).await;
        }
    }
}

/// One engine per tenant on one store, under one set of keys.
fn tenants(world: &World) -> Vec<(Otp, Arc<FakeGateway>)> {
    let policy = Policy::default().with_send_limits(loose()).with_fraud_guard(None);
    let tenant = |name: &str| {
        let gateway = FakeGateway::new("connexus");
        let settings = OtpSettings { tenant: name.into(), ..settings(policy.clone(), &[("a", 2)]) };
        let otp = Otp::new(settings, Arc::clone(&world.store), vec![gateway.clone()]);
        (otp.expect("the settings may run"), gateway)
    };
    vec![tenant("one"), tenant("two")]
}

async fn no_mismatch_of_tenant_purpose_and_session_verifies_through_the_engine(world: &World) {
    let tenants = tenants(world);
    let purposes = ["login", "pay"].map(|purpose| Purpose::new(purpose).expect("a purpose"));
    let contexts: Vec<(usize, &Purpose, Option<&str>)> = (0..tenants.len())
        .flat_map(|tenant| purposes.iter().map(move |purpose| (tenant, purpose)))
        .flat_map(|(tenant, purpose)| [None, Some("s"), Some("t")].map(|session| (tenant, purpose, session)))
        .collect();
    let mut number = 1_000_000;
    for issued in &contexts {
        for checked in contexts.iter().filter(|checked| *checked != issued) {
            number += 1;
            let phone = tenants[0].0.phone(&format!("021{number}")).expect("a phone");
            let send = async |(tenant, purpose, session): (usize, &Purpose, Option<&str>)| {
                let options = SendOptions { session, ..Host::options() };
                let (otp, gateway) = &tenants[tenant];
                challenge(otp.send(&phone, purpose, "MyApp", options).await);
                gateway.texts().pop().expect("a text went out")
            };
            let verify = async |(tenant, purpose, session): (usize, &Purpose, Option<&str>), code: &str| {
                let options = VerifyOptions { session, ..Host::check() };
                tenants[tenant].0.verify(&phone, purpose, code, options).await.expect("an answer")
            };
            let code = send(*issued).await;
            assert_eq!(verify(*checked, &code).await, Verdict::Expired, "{issued:?} {checked:?}");
            if send(*checked).await != code {
                let verdict = verify(*checked, &code).await;
                assert_eq!(verdict, Verdict::Incorrect { attempts_left: 4 }, "{issued:?} {checked:?}");
            }
            assert!(verify(*issued, &code).await.is_verified(), "{issued:?} {checked:?}");
        }
    }
}

/// The MAC binds what the key names: a record that turns up under another name verifies nowhere.
#[tokio::test]
async fn a_record_moved_to_another_place_verifies_nowhere() {
    let world = World::redis().await;
    let server = world.server().expect("a Redis");
    let mut connection = server.connection().await;
    let tenants = tenants(&world);
    let (login, pay) = (Purpose::new("login").expect("a purpose"), Purpose::new("pay").expect("a purpose"));
    let phones = [1, 2].map(|n| tenants[0].0.phone(&format!("021000000{n}")).expect("a phone"));
    let home = (0, &phones[0], &login, Some("s"));
    let elsewhere = [
        (1, &phones[0], &login, Some("s")),
        (0, &phones[1], &login, Some("s")),
        (0, &phones[0], &pay, Some("s")),
        (0, &phones[0], &login, Some("t")),
        (0, &phones[0], &login, None),
    ];
    let send = async |(tenant, phone, purpose, session): (usize, &PhoneNumber, &Purpose, Option<&str>)| {
        let (otp, gateway): &(Otp, _) = &tenants[tenant];
        let before = code_keys(server).await;
        challenge(otp.send(phone, purpose, "MyApp", SendOptions { session, ..Host::options() }).await);
        let key =
            code_keys(server).await.into_iter().find(|key| !before.contains(key)).expect("a new record");
        (gateway.texts().pop().expect("a text went out"), key)
    };
    let verify = async |(tenant, phone, purpose, session): (usize, &PhoneNumber, &Purpose, Option<&str>),
                        code: &str| {
        let options = VerifyOptions { session, ..Host::check() };
        tenants[tenant].0.verify(phone, purpose, code, options).await.expect("an answer")
    };
    // The name of a session holds the tenant too, which must not be all that tells two tenants apart.
    let plain = (0, &phones[0], &login, None);
    let pairs =
        elsewhere.map(|place| (home, place)).into_iter().chain([(plain, (1, &phones[0], &login, None))]);
    for (home, place) in pairs {
        redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("FLUSHALL answers");
        let (code, from) = send(home).await;
        let (_, to) = send(place).await;
        let copied: bool = redis::cmd("COPY")
            .arg(&from)
            .arg(&to)
            .arg("REPLACE")
            .query_async(&mut connection)
            .await
            .expect("COPY answers");
        assert!(copied);
        assert_eq!(verify(place, &code).await, Verdict::Incorrect { attempts_left: 4 }, "{place:?}");
        assert!(verify(home, &code).await.is_verified());
    }
}

async fn code_keys(server: &TestRedis) -> Vec<String> {
    let mut connection = server.connection().await;
    redis::cmd("KEYS").arg("*:c:*").query_async(&mut connection).await.expect("KEYS answers")
}
