//! Allow-lists of addresses, and which address is the client's behind proxies.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::refused::Refused;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most networks on one list.
const MAX_NETWORKS: usize = 1024;

/// The most proxies in a row that may be trusted.
const MAX_TRUSTED_HOPS: usize = 16;

/// Who may post to an endpoint, beside what its scheme asks for: an address proves little by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedAddresses {
    networks: Vec<IpNet>,
    trusted_hops: usize,
}

/// An allow-list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressesError {
    /// Nobody could post.
    #[error("the list is empty, and nobody could post: leave it out, or name 1 to {MAX_NETWORKS} networks")]
    Count,
    /// An entry is neither an address nor a network.
    #[error("{0:?} is neither an address nor a network such as \"203.0.113.0/24\"")]
    Malformed(String),
    /// An entry with bits beyond its prefix: the prefix is probably not what was meant.
    #[error("{given} has bits beyond its prefix: write {network} for the network")]
    HostBits {
        /// As written.
        given: IpNet,
        /// What its prefix covers.
        network: IpNet,
    },
    /// More proxies than anyone has.
    #[error("there are at most {MAX_TRUSTED_HOPS} trusted hops")]
    TrustedHops,
}

impl AllowedAddresses {
    /// Takes addresses (`203.0.113.7`, `2001:db8::7`) and networks (`203.0.113.0/24`), and how many proxies
    /// of one's own stand in a row before the receiver and write `X-Forwarded-For`. With 0, the client is
    /// whoever has connected, and the header is not looked at.
    ///
    /// # Errors
    /// [`AddressesError`] names the entry.
    pub fn new<T: AsRef<str>>(networks: &[T], trusted_hops: usize) -> Result<Self, AddressesError> {
        if networks.is_empty() || networks.len() > MAX_NETWORKS {
            return Err(AddressesError::Count);
        }
        if trusted_hops > MAX_TRUSTED_HOPS {
            return Err(AddressesError::TrustedHops);
        }
        let networks = networks.iter().map(|text| network(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { networks, trusted_hops })
    }

    pub(super) fn admit(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<(), Refused> {
        let client = self.client(headers, peer).ok_or(Refused::UnknownAddress)?.to_canonical();
        let listed = self.networks.iter().any(|network| network.contains(&client));
        if listed { Ok(()) } else { Err(Refused::AddressNotAllowed) }
    }

    /// Each proxy appends whom it was called by, so the trusted ones have written the last entries. What
    /// stands before those is the client's own word.
    fn client(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        let Some(from_the_end) = self.trusted_hops.checked_sub(1) else { return peer };
        // Whoever reaches the receiver without a proxy has no proxy's word for the header.
        peer?;
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let entry = lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b',')).nth(from_the_end)?;
        forwarded(std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']))
    }
}

fn network(text: &str) -> Result<IpNet, AddressesError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let given: IpNet = text.parse().map_err(|_| AddressesError::Malformed(text.to_owned()))?;
    let network = given.trunc();
    if network == given { Ok(given) } else { Err(AddressesError::HostBits { given, network }) }
}

/// An address, with or without a port, IPv6 with or without brackets.
fn forwarded(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn answer(trusted_hops: usize, lines: &[&str], peer: &str) -> Result<(), Refused> {
        let networks = ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32"];
        let allowed = AllowedAddresses::new(&networks, trusted_hops).unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        allowed.admit(&headers, peer.parse().ok())
    }

    #[test]
    fn without_proxies_only_the_connection_counts() {
        for inside in ["203.0.113.0", "203.0.113.255", "198.51.100.7", "2001:db8::1", "::ffff:203.0.113.9"] {
            assert_eq!(answer(0, &["192.0.2.1"], inside), Ok(()), "{inside}");
        }
        for outside in ["203.0.112.255", "203.0.114.0", "198.51.100.8", "2001:db9::1", "::ffff:192.0.2.1"] {
            assert_eq!(answer(0, &["203.0.113.1"], outside), Err(Refused::AddressNotAllowed), "{outside}");
        }
        assert_eq!(answer(0, &["203.0.113.1"], "unknown"), Err(Refused::UnknownAddress));
    }

    #[test]
    fn behind_proxies_the_entry_of_the_outermost_trusted_one_counts() {
        let inside = "203.0.113.5";
        for (hops, lines, expected) in [
            (1, &[inside][..], Ok(())),
            (1, &["192.0.2.1, 203.0.113.5"], Ok(())),
            (1, &["192.0.2.1", inside], Ok(())),
            (1, &["203.0.113.5, 192.0.2.1"], Err(Refused::AddressNotAllowed)),
            (1, &[inside, "192.0.2.1"], Err(Refused::AddressNotAllowed)),
            (2, &["203.0.113.5,10.0.0.2"], Ok(())),
            (2, &[inside, "10.0.0.2"], Ok(())),
            (2, &["203.0.113.5, 192.0.2.1", "10.0.0.2"], Err(Refused::AddressNotAllowed)),
            (2, &[inside], Err(Refused::UnknownAddress)),
            (1, &[], Err(Refused::UnknownAddress)),
            (1, &[""], Err(Refused::UnknownAddress)),
            (1, &["203.0.113.5,"], Err(Refused::UnknownAddress)),
            (1, &["203.0.113.5, unknown"], Err(Refused::UnknownAddress)),
            (1, &["203.0.113.5:4711"], Ok(())),
            (1, &["2001:db8::5"], Ok(())),
            (1, &["[2001:db8::5]"], Ok(())),
            (1, &["[2001:db8::5]:4711"], Ok(())),
            (1, &["[203.0.113.5"], Err(Refused::UnknownAddress)),
            (1, &["203.0.113.5 203.0.113.6"], Err(Refused::UnknownAddress)),
            (1, &["\u{e9}"], Err(Refused::UnknownAddress)),
        ] {
            assert_eq!(answer(hops, lines, "10.0.0.1"), expected, "{hops} {lines:?}");
        }
        // A proxy whose own address is unknown is nobody's proxy.
        assert_eq!(answer(1, &[inside], "unknown"), Err(Refused::UnknownAddress));
    }

    #[test]
    fn a_list_that_cannot_be_meant_is_refused() {
        let refused = |networks: &[&str]| AllowedAddresses::new(networks, 0).unwrap_err().to_string();
        assert!(refused(&[]).contains("nobody could post"));
        for odd in ["", "localhost", "203.0.113.0/33", "203.0.113", "203.0.113.0/24 "] {
            assert!(refused(&["192.0.2.1", odd]).starts_with(&format!("{odd:?} is neither")), "{odd}");
        }
        assert_eq!(
            refused(&["203.0.113.9/24"]),
            "203.0.113.9/24 has bits beyond its prefix: write 203.0.113.0/24 for the network"
        );
        assert_eq!(AllowedAddresses::new(&["192.0.2.1"], 17).unwrap_err(), AddressesError::TrustedHops);
        assert_eq!(AllowedAddresses::new(&["192.0.2.1"; 1025], 0).unwrap_err(), AddressesError::Count);
    }
}
