//! What a cache mount holds, and what part of it a build used.
//!
//! A cache mount can be seen from inside a build step only, so the work is split:
//!
//! 1. [`listing_script`] gives a POSIX shell script. A helper step runs it over the mounted directory; it lists every
//!    file and, if asked, moves all access times to a fixed old moment.
//! 2. [`Listing::parse`] reads what the script wrote.
//! 3. [`served`] sets a listing made before a build against one made after it: a file whose access time moved was read.
//!
//! This crate runs nothing and opens no file; starting the helper step is the caller's business.

mod kind;
mod listing;
mod script;
mod served;

pub use kind::{Kind, kind_of_path};
pub use listing::{Atime, Entry, FileType, Listing, ParseError, VERSION};
pub use script::{RESET_MOMENT, listing_script};
pub use served::{DeadReason, KindTotals, Served, served, served_by};
