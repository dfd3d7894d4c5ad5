//! bench

pub mod network;
pub mod stats;
pub mod verify;
