//! Who is on the other end of a connection.

use std::net::IpAddr;

/// The address of whoever opened the connection that a request came over. The accept loop puts it into the
/// extensions of every request.
///
/// Behind a proxy this is the proxy. An IPv4 address that arrived over an IPv6 socket is an IPv4 address here,
/// so that it is found in a list of IPv4 networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);
