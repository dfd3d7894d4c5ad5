//! What a Dockerfile means for cache mounts.

pub mod outline;
