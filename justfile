# What CI runs, by name. `just` alone lists them.

set shell := ["bash", "-c"]

_list:
    @just --list --unsorted

# Does it compile?
check:
    cargo check --locked --all-targets

# Everything that CI checks
test:
    scripts/test

# Clippy, warnings are errors
lint:
    cargo clippy --locked --all-targets -- -D warnings

# Format the code
fmt:
    cargo fmt

# See it work on this machine's package log
demo:
    scripts/demo

# Time, CPU and memory against cat, pair by pair; `just bench --check` fails on a missed target
bench *options:
    cargo build --locked --release
    benches/against-cat {{options}}

# What the server costs under librdkafka (needs librdkafka-dev)
bench-serve *options:
    cargo build --locked --release
    benches/serve {{options}}

# Licences, bans and sources of every dependency (needs cargo-deny)
deny:
    cargo deny --locked check licenses bans sources

# Many rounds of the crash, concurrency, round-trip and group tests
soak rounds="20":
    cargo test --locked --release --no-run
    for n in $(seq {{rounds}}); do \
        PROPTEST_CASES=100 RUNNEL_SOAK_SECONDS=60 cargo test --locked --release --test cli -- \
            crash_kill concurrency round_trip group_members table_kill stream_kill || exit 1; \
    done

# Mutated requests of real clients on the request path; what is found has a seed and an iteration
fuzz iterations="20000000" seed="1":
    RUNNEL_FUZZ_ITERATIONS={{iterations}} RUNNEL_FUZZ_SEED={{seed}} cargo test --locked --release --test fuzz -- --nocapture

# Write man/ and completions/ anew from the flags' one declaration
man:
    cargo build --locked --quiet
    mkdir -p man completions
    rm -f man/*.1
    for page in "" "topic" "topic create" "topic list" "topic describe" "topic alter" "topic delete" \
        "topic truncate" "produce" "consume" "stream" "get" "table" "table create" "table update" "table show" "table list" "table describe" "table drop" "table view" "group" "group list" "group describe" "group lag" \
        "group set" "group delete" "serve" "log" "log dump" "log verify" "log repair" "log retain" \
        "log compact" "backup" "restore" "completions" "man"; do \
        cargo run --locked --quiet -- man $page > "man/runnel${page:+-${page// /-}}.1"; \
    done
    cargo run --locked --quiet -- completions bash > completions/runnel.bash
    cargo run --locked --quiet -- completions zsh > completions/_runnel
    cargo run --locked --quiet -- completions fish > completions/runnel.fish
