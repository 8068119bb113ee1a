//! Which destinations have an event already, while another one is tried again.

use std::sync::Arc;

use textproof::{
    event::{EventId, Identity},
    store::Store,
};

crate::on_every_store!(what_destinations_have_is_known_until_it_is_forgotten,);

fn id(name: &str) -> EventId {
    EventId::of(&Identity::of_body("test", name.as_bytes()))
}

async fn known(store: &Arc<dyn Store>, event: &str) -> Vec<String> {
    let mut names = store.forwarded(&id(event)).await.expect("the store answers");
    names.sort_unstable();
    names
}

async fn what_destinations_have_is_known_until_it_is_forgotten(store: Arc<dyn Store>) {
    assert_eq!(known(&store, "a").await, [""; 0]);
    store.keep_forwarded(&id("a"), &["crm"]).await.expect("the store answers");
    store.keep_forwarded(&id("a"), &["desk", "crm"]).await.expect("the store answers");
    store.keep_forwarded(&id("b"), &["sheet"]).await.expect("the store answers");
    assert_eq!(known(&store, "a").await, ["crm", "desk"]);
    store.forget_forwarded(&id("a")).await.expect("the store answers");
    store.forget_forwarded(&id("a")).await.expect("the store answers");
    assert_eq!((known(&store, "a").await, known(&store, "b").await), (vec![], vec!["sheet".to_owned()]));
}
