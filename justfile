# The lines that scripts/test runs, one recipe each, and the commands of the README. `just` lists them.
# scripts/test needs no `just`, and installs redis-server where it is missing.

_list:
    @"{{ just_executable() }}" --list --unsorted

# Formatting, lints and every test, as in scripts/test
test: fmt lint build doctest nextest

# Formatting
fmt:
    cargo fmt --all --check

# Lints, warnings as errors
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# The binaries: the end-to-end tests start them from the target folder
build:
    cargo build --workspace --bins --locked

# The examples of the documentation
doctest:
    cargo test --workspace --doc --locked --quiet

# All tests but the documentation's, with cargo-nextest where it is installed
nextest:
    if cargo nextest --version >/dev/null 2>&1; then \
        cargo nextest run --workspace --locked --no-fail-fast; \
    else \
        cargo test --workspace --locked --no-fail-fast --lib --bins --tests; \
    fi

# The whole story, step by step; `just tour --redis redis://127.0.0.1:6379` tells it on Redis
tour *ARGS:
    cargo run --release -- tour {{ ARGS }}

# Everything in one process, with a phone in the browser
dev *ARGS:
    cargo run --release -- dev {{ ARGS }}

# Criterion's groups: otp, webhook, stream
bench *ARGS:
    cargo bench -p benches {{ ARGS }}

# Operations per second beside a yardstick: `just load verify`, `just load publish` or `just load ingest`
load WHAT *ARGS:
    cargo run --release -p benches --bin load -- {{ WHAT }} {{ ARGS }}

# Everything dies at random, and each event takes effect once: `just chaos 100000 SEED`
chaos *ARGS:
    scripts/chaos {{ ARGS }}

# Licences, sources and banned crates; needs cargo-deny
deny:
    cargo deny --locked check

# The fleet of docker-compose.yml
up:
    deploy/make-secrets
    docker compose up --build --detach --wait

# Ends it; codes and events stay in the volume
down:
    docker compose down
