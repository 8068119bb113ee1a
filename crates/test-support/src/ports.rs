//! Free ports that stay free long enough.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below the kernel's ephemeral range (32768 and up on Linux): an outgoing connection of another test
/// can never take a port between our look and the server's bind, nor while a server is down for a restart.
const FIRST: u64 = 10_240;
const COUNT: u64 = 22_000;

/// A port on 127.0.0.1 that nothing listens on right now.
///
/// Another process may still take it before it is used: whoever binds it must be ready to ask again.
///
/// # Panics
/// When no port can be bound at all.
pub fn free_port() -> u16 {
    // RandomState is seeded anew for each call, so parallel test processes look in different places.
    let seed = RandomState::new().build_hasher().finish();
    (0..1000)
        .map(|step| (FIRST + (seed.wrapping_add(step * 7)) % COUNT) as u16)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port on 127.0.0.1")
}
