//! What can be done for a step: which tools it runs, where they cache, whether a mount is there, and what stands in its
//! way. Rules ask; they decide nothing twice.

mod guards;
mod insert;
mod locate;
mod paths;
mod places;
mod removal;
mod step;
mod switches;
mod uses;
mod wipes;

pub use guards::{Obstacle, check_index};
pub use insert::{MountText, insert_mounts};
pub use paths::{Relation, relation};
pub use places::{Place, default_path};
pub use step::{DirPlan, DirState, Step, ToolPlan, lending_stage, mount_id, old_syntax, owner, root_stage};
pub use switches::{Companion, CompanionKind, From, Hidden};
pub use uses::{Use, find_uses, is_use};
pub use wipes::command_text;
