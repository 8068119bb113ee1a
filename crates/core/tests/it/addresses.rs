//! Limits of client addresses, of the tenant and of spending, through the engine.

use std::{net::IpAddr, sync::Arc, time::Duration};

use test_support::eventually_true;
use textproof::{
    ClientAddress, SendOptions, SendOutcome, Verdict, VerifyOptions,
    otp::RefusalReason,
    policy::{AddressLimits, Policy, RateLimit, SpendCap, TenantLimits},
    store::Store,
};

use crate::{
    fixture::{limits, loose},
    host::{Host, wrong},
};

crate::on_every_store!(
    one_address_cannot_request_codes_without_end,
    an_unknown_or_absent_address_is_limited_too,
    an_ipv6_customer_is_one_address,
    guessing_over_many_phones_is_cut_at_the_address,
    right_codes_and_throttled_checks_do_not_wear_an_address_out,
    a_throttled_address_compares_nothing,
    a_tenant_has_its_sends_and_its_parts,
    a_send_that_the_phone_denies_charges_nobody_else,
    a_gateway_that_refuses_leaves_the_charges_and_one_that_fails_does_not,
);

fn per_address(sends: u32, failed_checks: u32) -> Policy {
    let rate = |count| RateLimit::new(count, Duration::from_secs(36_000)).expect("a rate");
    Policy::default().with_send_limits(loose()).with_address_limits(AddressLimits {
        sends: rate(sends),
        failed_checks: rate(failed_checks),
        unknown_sends: rate(sends * 2),
        unknown_failed_checks: rate(failed_checks * 2),
    })
}

fn ip(text: &str) -> ClientAddress<'static> {
    ClientAddress::Ip(text.parse::<IpAddr>().expect("an address"))
}

async fn send_from(host: &Host, number: u32, address: ClientAddress<'_>) -> Option<RefusalReason> {
    let options = SendOptions { address, ..SendOptions::default() };
    match host.otp.send(&host.phone(number), &host.login, "MyApp", options).await.expect("an outcome") {
        SendOutcome::Sent(_) => None,
        SendOutcome::Refused { reason, retry_after: Some(_) } => Some(reason),
        outcome => panic!("{outcome:?}"),
    }
}

async fn check_from(host: &Host, number: u32, code: &str, address: ClientAddress<'_>) -> Verdict {
    let options = VerifyOptions { address, ..VerifyOptions::default() };
    host.otp.verify(&host.phone(number), &host.login, code, options).await.expect("an answer")
}

async fn one_address_cannot_request_codes_without_end(store: Arc<dyn Store>) {
    let host = Host::with(&store, per_address(3, 100), &[("a", 2)]);
    for number in 0..3 {
        assert_eq!(send_from(&host, 1_000_000 + number, ip("192.0.2.7")).await, None);
    }
    for number in 0..3 {
        let refused = send_from(&host, 2_000_000 + number, ip("192.0.2.7")).await;
        assert_eq!(refused, Some(RefusalReason::AddressLimit));
    }
    assert_eq!(send_from(&host, 3_000_000, ip("192.0.2.8")).await, None);
    assert_eq!(host.gateway.calls(), 4);
}

async fn an_unknown_or_absent_address_is_limited_too(store: Arc<dyn Store>) {
    let host = Host::with(&store, per_address(2, 100), &[("a", 2)]);
    for number in 0..4 {
        assert_eq!(send_from(&host, 1_000_000 + number, ClientAddress::default()).await, None);
    }
    let refused = send_from(&host, 2_000_000, ClientAddress::Unknown).await;
    assert_eq!(refused, Some(RefusalReason::AddressLimit));
}

async fn an_ipv6_customer_is_one_address(store: Arc<dyn Store>) {
    let host = Host::with(&store, per_address(2, 100), &[("a", 2)]);
    assert_eq!(send_from(&host, 1_000_000, ip("2001:db8::1")).await, None);
    assert_eq!(send_from(&host, 1_000_001, ip("2001:db8::dead:beef")).await, None);
    let refused = send_from(&host, 1_000_002, ip("2001:db8::2")).await;
    assert_eq!(refused, Some(RefusalReason::AddressLimit));
}

async fn guessing_over_many_phones_is_cut_at_the_address(store: Arc<dyn Store>) {
    let host = Host::with(&store, per_address(1_000, 30), &[("a", 2)]);
    let mut compared = 0;
    for number in 0..100 {
        let number = 1_000_000 + number;
        assert_eq!(send_from(&host, number, ip("192.0.2.7")).await, None);
        for _ in 0..2 {
            let verdict = check_from(&host, number, wrong(&host.last_code()), ip("192.0.2.7")).await;
            compared += u32::from(matches!(verdict, Verdict::Incorrect { .. }));
        }
    }
    assert_eq!(compared, 30, "whatever the number of phones");
}

async fn right_codes_and_throttled_checks_do_not_wear_an_address_out(store: Arc<dyn Store>) {
    let host = Host::with(&store, per_address(1_000, 2), &[("a", 2)]);
    for number in 0..20 {
        let number = 1_000_000 + number;
        assert_eq!(send_from(&host, number, ip("192.0.2.7")).await, None);
        let code = host.last_code();
        // The charge of the one before is given back behind its answer.
        eventually_true(Duration::from_secs(5), "the charge is given back", async || {
            let verdict = check_from(&host, number, &code, ip("192.0.2.7")).await;
            verdict.is_verified() || verdict == Verdict::AlreadyUsed
        })
        .await;
    }
}

async fn a_throttled_address_compares_nothing(store: Arc<dyn Store>) {
    let host = Host::with(&store, per_address(1_000, 1), &[("a", 2)]);
    assert_eq!(send_from(&host, 1_000_000, ip("192.0.2.7")).await, None);
    let code = host.last_code();
    let verdict = check_from(&host, 1_000_000, wrong(&code), ip("192.0.2.7")).await;
    assert_eq!(verdict, Verdict::Incorrect { attempts_left: 4 });
    for _ in 0..10 {
        let verdict = check_from(&host, 1_000_000, &code, ip("192.0.2.7")).await;
        assert!(matches!(verdict, Verdict::Throttled { retry_after: Some(_) }), "{verdict:?}");
    }
    assert_eq!(check_from(&host, 1_000_000, "12", ip("192.0.2.7")).await, Verdict::Malformed);
    assert!(check_from(&host, 1_000_000, &code, ip("192.0.2.8")).await.is_verified(), "no guess was spent");
}

async fn a_tenant_has_its_sends_and_its_parts(store: Arc<dyn Store>) {
    let sends = Some(RateLimit::new(3, Duration::from_secs(36_000)).expect("a rate"));
    let tenant = TenantLimits { sends, parts_a_day: Some(SpendCap::new(5).expect("a cap")) };
    let policy = Policy::default().with_send_limits(loose()).with_tenant_limits(tenant);
    let host = Host::with(&store, policy, &[("a", 2)]);
    // A comment that needs a second part.
    let long = "x".repeat(120);
    let domain = Some("app.example.com");
    let options = SendOptions { comment: Some(&long), web_otp_domain: domain, ..Host::options() };
    let send = async |number: u32, options| match host
        .otp
        .send(&host.phone(number), &host.login, "MyApp", options)
        .await
    {
        Ok(SendOutcome::Sent(_)) => None,
        Ok(SendOutcome::Refused { reason, .. }) => Some(reason),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(send(1_000_000, options).await, None, "two parts");
    assert_eq!(send(1_000_001, options).await, None, "two more");
    assert_eq!(send(1_000_002, options).await, Some(RefusalReason::SpendCap), "one is left");
    assert_eq!(send(1_000_003, Host::options()).await, None, "and is spent");
    assert_eq!(send(1_000_004, Host::options()).await, Some(RefusalReason::TenantLimit));
}

async fn a_send_that_the_phone_denies_charges_nobody_else(store: Arc<dyn Store>) {
    let policy = per_address(2, 100).with_send_limits(limits(&[30_000], 60_000, &[(5, 60_000)]));
    let host = Host::with(&store, policy, &[("a", 2)]);
    assert_eq!(send_from(&host, 1_000_000, ip("192.0.2.7")).await, None);
    for _ in 0..20 {
        assert_eq!(send_from(&host, 1_000_000, ip("192.0.2.7")).await, Some(RefusalReason::CoolDown));
    }
    assert_eq!(
        send_from(&host, 1_000_001, ip("192.0.2.7")).await,
        None,
        "the address was given everything back"
    );
}

async fn a_gateway_that_refuses_leaves_the_charges_and_one_that_fails_does_not(store: Arc<dyn Store>) {
    use crate::host::Mood;
    let host = Host::with(&store, per_address(2, 100), &[("a", 2)]);
    let send = async |number: u32| {
        let options = SendOptions { address: ip("192.0.2.7"), ..SendOptions::default() };
        host.otp.send(&host.phone(number), &host.login, "MyApp", options).await
    };
    host.both(Mood::RefuseCredentials);
    for number in 0..5 {
        assert!(send(1_000_000 + number).await.is_err(), "a fault, given back");
    }
    host.both(Mood::RefuseFunds);
    for number in 0..2 {
        let refused = send(2_000_000 + number).await.expect("an outcome");
        assert!(
            matches!(refused, SendOutcome::Refused { reason: RefusalReason::Gateway(_), .. }),
            "{refused:?}"
        );
    }
    let refused = send(3_000_000).await.expect("an outcome");
    assert!(
        matches!(refused, SendOutcome::Refused { reason: RefusalReason::AddressLimit, .. }),
        "the gateway worked on two: {refused:?}"
    );
}

/// What Redis is asked until the answer: one script, and with an address the charge before it.
#[tokio::test]
async fn a_check_is_one_round_trip_and_with_an_address_two() {
    let server = test_support::TestRedis::start().await;
    let host = Host::with(&crate::fixture::redis(&server), per_address(100, 100), &[("a", 2)]);
    for (address, trips) in [(ClientAddress::None { why: "a test" }, 1), (ip("192.0.2.7"), 2)] {
        assert_eq!(send_from(&host, 1_000_000, address).await, None);
        let code = host.last_code();
        // Scripts are known and the connection is made; a wrong guess leaves nothing to do behind its answer.
        check_from(&host, 1_000_000, wrong(&code), address).await;
        let monitor = server.monitor().await;
        check_from(&host, 1_000_000, wrong(&code), address).await;
        let lines = monitor.stop().await;
        // Lines of the scripts' own commands are marked `lua`.
        let asked =
            lines.iter().filter(|line| line.contains("\"EVALSHA\"") && !line.contains(" lua]")).count();
        let others = lines.iter().filter(|line| !line.contains(" lua]")).count();
        assert_eq!(asked, trips, "{lines:?}");
        assert!(others <= trips + 1, "nothing else but the monitor itself: {lines:?}");
    }
}
