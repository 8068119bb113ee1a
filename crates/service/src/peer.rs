//! Where a connection comes from.

/// The address of the connection's other end, an extension of every request. Behind a proxy it is the
/// proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub std::net::IpAddr);
