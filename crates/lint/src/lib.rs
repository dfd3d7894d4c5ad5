//! What a Dockerfile means for cache mounts: model, knowledge, rules and fixes. Pure functions over text; no I/O.
//!
//! [`check()`] reports what could be better and what was left alone, with reasons; [`fix()`] applies the repairs to a fixed
//! point and refuses a result in which anything but the intended steps changed; [`outline()`] gives a benchmark the facts
//! that it needs.

mod check;
pub mod edit;
pub mod finding;
mod fix;
pub mod knowledge;
pub mod model;
pub mod outline;
pub mod plan;
pub mod rules;
mod unchanged;

pub use check::{Report, check};
pub use fix::{Applied, FixError, FixOptions, Fixed, fix};
pub use outline::outline;
