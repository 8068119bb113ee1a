//! What the tests of this workspace stand on: a Redis server, one with replicas and sentinels, or a cluster of their own,
//! a TCP proxy that breaks connections at a chosen byte, a receiver of webhooks, a certificate authority, real binaries
//! as child processes, and waiting for conditions.
//!
//! It knows nothing of the crates it serves, so that a mistake there cannot hide here. Everything it
//! starts ends with the value that started it, and everything it waits for has a deadline: a helper that
//! cannot keep its word panics with the name of what was missing.

mod authority;
mod eventually;
mod fault_proxy;
mod monitor;
mod ports;
mod process;
mod receiver;
mod redis_cluster;
mod redis_dump;
mod redis_sentinel;
mod redis_server;
mod signal;

pub use authority::{TestAuthority, TestCertificate};
pub use eventually::{eventually, eventually_true};
pub use fault_proxy::FaultProxy;
pub use monitor::Monitor;
pub use ports::free_port;
pub use process::{Process, ProcessBuilder, binary};
pub use receiver::{ReceivedRequest, ReceiverAnswer, TestReceiver};
pub use redis_cluster::{Migration, TestCluster};
pub use redis_dump::{KeyDump, RedisDump};
pub use redis_sentinel::RedisSentinel;
pub use redis_server::{Fsync, TestRedis, TestRedisBuilder};
