//! Where a forward cannot lead.

use test_support::{ReceiverAnswer, TestReceiver};
use textproof::{
    forward::{Destination, DestinationError, DestinationSettings},
    store::MemoryStore,
};
use worker::handlers::Forward;

use super::{at, event, forwards, problem};

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (receiver, elsewhere) = (TestReceiver::start().await, TestReceiver::start().await);
    let forwards = forwards(&MemoryStore::new(), vec![at("crm", &receiver)]);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}", elsewhere.url("/internal"));
        receiver.answers(ReceiverAnswer::Status(status, vec![location]));
        let said = problem(forwards.send("crm", &event(status.into())).await);
        assert!(said.starts_with(&format!("the forward crm redirects ({status})")), "{said}");
        // An answer, so that the breaker does not open.
        receiver.says(200);
        forwards.send("crm", &event(0)).await.expect("it arrives");
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// The name of this machine leads to it; whoever controls a name can make it lead anywhere.
#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_connected_to() {
    let receiver = TestReceiver::start().await;
    let port = receiver.address().port();
    let named = |allow_private| DestinationSettings {
        url: format!("{}://localhost:{port}/canary", if allow_private { "http" } else { "https" }).into(),
        allow_private,
        ..at(if allow_private { "ours" } else { "crm" }, &receiver)
    };
    let forwards = forwards(&MemoryStore::new(), vec![named(true), named(false)]);
    let guarded = || async { problem(forwards.send("crm", &event(1)).await) };
    let refused = "the forward crm leads to no public address; allow_private = true says that this is meant";
    assert_eq!((guarded().await.as_str(), receiver.connections()), (refused, 0));
    // A connection that another forward was allowed to make is not one that this forward may use.
    forwards.send("ours", &event(2)).await.expect("it is allowed to");
    assert_eq!((guarded().await.as_str(), receiver.connections()), (refused, 1));
}

#[test]
fn an_address_that_stands_in_the_url_is_looked_at_before_any_call() {
    for url in ["https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://0x7f.1/"] {
        let settings = DestinationSettings {
            name: "crm".into(),
            url: url.into(),
            secret: super::SECRET.into(),
            allow_private: false,
            every_event: false,
        };
        assert_eq!(Destination::new(settings).err(), Some(DestinationError::PrivateAddress), "{url}");
    }
}
