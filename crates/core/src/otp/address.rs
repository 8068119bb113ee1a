//! Where a request comes from, as the caller states it.

use std::net::{IpAddr, Ipv6Addr};

/// The address of the client that asks for a send or a check.
///
/// Take it from the connection, or from a forwarding header of a proxy that you count and trust: a header that
/// anybody can set is no address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAddress<'a> {
    /// A known address; of IPv6 the /64, which is what one customer has.
    Ip(IpAddr),
    /// Not known: one bucket that all such callers share, with limits of its own.
    #[default]
    Unknown,
    /// There is no client: a batch job, an operator, a test. No limit of addresses applies.
    None {
        /// Why; a send tells it at DEBUG.
        why: &'a str,
    },
}

impl ClientAddress<'_> {
    /// The spelling that all addresses of one bucket share; none where no limit applies.
    pub(super) fn bucket(&self) -> Option<String> {
        match self {
            Self::Ip(address) => Some(match address.to_canonical() {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => {
                    let [a, b, c, d, ..] = address.segments();
                    Ipv6Addr::from([a, b, c, d, 0, 0, 0, 0]).to_string()
                }
            }),
            Self::Unknown => Some("unknown".to_owned()),
            Self::None { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_bucket() {
        let bucket = |address: &str| ClientAddress::Ip(address.parse().unwrap()).bucket().unwrap();
        assert_eq!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:2:ffff::9"));
        assert_ne!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:3::1"));
        assert_eq!(bucket("::ffff:192.0.2.7"), bucket("192.0.2.7"));
        assert_ne!(bucket("192.0.2.7"), bucket("192.0.2.8"));
        assert_eq!(ClientAddress::None { why: "a test" }.bucket(), None);
        assert!(ClientAddress::default().bucket().is_some(), "an absent address is limited too");
    }
}
