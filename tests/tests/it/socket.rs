//! The socket of the real webhook-ingest: floods of slow clients, TLS on both sides, stops under load.

mod descriptors;
mod embedded;
mod floods;
mod meters;
mod redis_tls;
mod rolling;
mod stops;
mod tls;
