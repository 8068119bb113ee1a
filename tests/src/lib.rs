//! The whole, as an operator has it: the binaries of this workspace as processes, a real Redis, real HTTP,
//! kills and outages.
//!
//! Everything is in the tests: `it` holds one process of a kind against what may happen to it, `fleet`
//! holds many processes on one Redis against each other, each of them a `fleet_host`. `acting_worker` is a worker that
//! does what an event says: fails, hangs, takes its process down. They start the binaries of `target/<profile>`, so
//! build these first: `cargo build --workspace --bins`.
