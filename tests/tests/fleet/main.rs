//! A fleet: four processes, one Redis, one gateway. And after a whole walk, a search for what must not leak.

mod fleet;
mod host;
mod sandbox;

mod clocks;
mod guesses;
mod outages;
mod tokens;

mod canaries;
