//! Edges of the state machine: ids that name nothing, codes that ended before their send did, and keys without end.

use std::sync::Arc;

use textproof::{Policy, RedeemOptions, Redemption, Verdict, VerifyOptions, store::RequestId};

use crate::{ageing::World, fixture::loose, host::Host};

crate::in_every_world!(an_id_of_zeros_names_no_check, an_id_of_zeros_redeems_no_receipt_twice,);

const ZEROS: Option<RequestId> = Some(RequestId([0; 12]));

fn host(world: &World) -> Arc<Host> {
    let policy = Policy::default().with_send_limits(loose()).with_fraud_guard(None);
    Arc::new(Host::with(&world.another_connection(), policy, &[("a", 2)]))
}

async fn an_id_of_zeros_names_no_check(world: &World) {
    let host = host(world);
    host.send().await;
    let zeros = VerifyOptions { request: ZEROS, ..Host::check() };
    let code = host.last_code();
    let other = if code == "111111" { "222222" } else { "111111" };
    for left in [4, 3] {
        assert_eq!(host.verify_with(other, zeros).await, Verdict::Incorrect { attempts_left: left });
    }
    assert!(host.verify_with(&code, zeros).await.is_verified());
    assert_eq!(host.verify_with(&code, zeros).await, Verdict::AlreadyUsed, "it is no repeat");
}

async fn an_id_of_zeros_redeems_no_receipt_twice(world: &World) {
    let host = host(world);
    host.send().await;
    let Verdict::Verified { receipt, .. } = host.verify(&host.last_code()).await else { panic!("verified") };
    let options = RedeemOptions { session: None, request: ZEROS };
    let redeem = async || host.otp.redeem(&host.phone, &host.login, receipt.as_str(), options).await;
    assert_eq!(redeem().await.expect("an answer"), Redemption::Redeemed);
    assert_eq!(redeem().await.expect("an answer"), Redemption::Refused);
    let plain = RedeemOptions::default();
    let again = host.otp.redeem(&host.phone, &host.login, receipt.as_str(), plain).await;
    assert_eq!(again.expect("an answer"), Redemption::Refused);
}
