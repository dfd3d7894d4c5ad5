//! The commands, one file each.

pub mod bench;
pub mod check;
pub mod explain;
pub mod fix;
pub mod optimize;
pub mod verify;
