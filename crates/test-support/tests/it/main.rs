//! The helpers, held to what they promise.

mod eventually;
mod fault_proxy;
mod process;
mod redis_cluster;
mod redis_server;
