//! Names are resolved to public addresses only.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use textproof::forward::is_public;
use tokio::net::lookup_host;

/// A resolver that knows no private addresses. What it answers is what is connected to, so a name that changes its mind
/// between two questions gains nothing. It is not asked for addresses that stand in a URL: those are looked at when a
/// destination is built, and a destination's URL never changes.
#[derive(Debug)]
pub(super) struct PublicOnly;

/// A name leads to private or otherwise special addresses only.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no public address")]
pub(super) struct NoPublicAddress;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(public(found)?.into_iter()) as Addrs)
        })
    }
}

fn public(found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, NoPublicAddress> {
    let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
    if public.is_empty() { Err(NoPublicAddress) } else { Ok(public) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_machine_is_not_resolved() {
        let name: Name = "localhost".parse().expect("a name");
        let error = PublicOnly.resolve(name).await.err().expect("loopback addresses only");
        assert!(error.is::<NoPublicAddress>(), "{error}");
    }

    #[test]
    fn of_several_addresses_the_public_ones_are_left() {
        let addresses = ["10.0.0.1:0", "1.1.1.1:0", "[::1]:0", "[2606:4700:4700::1111]:0"];
        let found = addresses.map(|address| address.parse::<SocketAddr>().expect("an address"));
        assert_eq!(public(found.into_iter()).expect("two of them"), [found[1], found[3]]);
        assert!(public(found.into_iter().step_by(2)).is_err());
    }
}
