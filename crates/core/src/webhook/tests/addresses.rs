//! An allow-list of addresses stands beside the authentication and replaces none of it.

use super::{
    super::{AllowedAddresses, Authentication, Dialect, Endpoint, EndpointSettings, Refused, Request},
    PATH_SECRET, at, entry, named,
};

fn endpoint(trusted_hops: usize) -> Endpoint {
    let addresses = AllowedAddresses::new(&["203.0.113.0/24"], trusted_hops).unwrap();
    Endpoint::new(EndpointSettings {
        name: "hook".into(),
        tenant: "default".into(),
        dialect: Dialect::Connexus,
        authentication: Authentication::PathSecret {},
        secrets: vec![entry("a", PATH_SECRET, None)],
        addresses: Some(addresses),
    })
    .unwrap()
}

#[test]
fn a_right_secret_from_a_wrong_address_is_refused_and_so_is_the_reverse() {
    let headers = named(&[("x-forwarded-for", "203.0.113.1")]);
    for (trusted_hops, path_secret, peer, expected) in [
        (0, Some(PATH_SECRET), "203.0.113.7", None),
        (0, Some(PATH_SECRET), "192.0.2.1", Some(Refused::AddressNotAllowed)),
        (0, Some(PATH_SECRET), "unknown", Some(Refused::UnknownAddress)),
        (1, Some(PATH_SECRET), "192.0.2.1", None),
        // A path that is wrong answers like one that does not exist, from wherever.
        (0, Some("wrong"), "203.0.113.7", Some(Refused::WrongPathSecret)),
        (0, Some("wrong"), "192.0.2.1", Some(Refused::WrongPathSecret)),
        (0, None, "203.0.113.7", Some(Refused::MissingPathSecret)),
    ] {
        let endpoint = endpoint(trusted_hops);
        let request = Request { headers: &headers, path_secret, peer: peer.parse().ok(), body: b"{}" };
        assert_eq!(endpoint.admits(&request, at(0)).err(), expected, "{peer}");
        assert_eq!(endpoint.verify(&request, at(0)).err(), expected, "{peer}");
    }
}
