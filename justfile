# Recipes only call plain commands; everything works without just.

# All tests, as CI runs them.
test:
    scripts/test

# The main job on a real service, with real builds.
demo:
    scripts/demo

# Formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# What must hold for every Dockerfile of a folder.
corpus DIR:
    cargo xtask corpus {{DIR}} --reasons 20

# Licences and advisories (needs cargo-deny).
deny:
    cargo deny check
