//! webhook-ingest as a library.

mod embedded;
