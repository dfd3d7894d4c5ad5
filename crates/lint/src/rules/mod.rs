//! The rules. One file each; its module comment is its documentation, and the example in it is executed by a test.

mod disabled_cache;
mod docker_clean;
mod hidden_state;
mod link_mode;
mod missing_mount;
mod missing_owner;
mod moved_cache;
mod old_syntax;
mod unlocked_mount;
mod wiped_mount;

use crate::finding::Finding;
use crate::model::Model;
use crate::plan::{DirPlan, Step, ToolPlan};

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its id, which is also its file's name with dashes.
    pub id: &'static str,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// Its source file, whose module comment documents it.
    source: &'static str,
    /// Finds.
    pub check: fn(&Context<'_>) -> Vec<Finding>,
}

/// What a rule looks at.
pub struct Context<'m> {
    /// The file.
    pub model: &'m Model<'m>,
    /// The plans of its steps.
    pub steps: &'m [Step<'m>],
}

impl<'m> Context<'m> {
    /// Every directory of every tool of every step.
    fn dirs(&self) -> impl Iterator<Item = (&'m Step<'m>, &'m ToolPlan<'m>, &'m DirPlan<'m>)> {
        self.steps
            .iter()
            .flat_map(|step| step.tools.iter().map(move |plan| (step, plan)))
            .flat_map(|(step, plan)| plan.dirs.iter().map(move |dir| (step, plan, dir)))
    }
}

/// All rules, in the order in which they are documented.
pub const RULES: &[Rule] = &[
    missing_mount::RULE,
    moved_cache::RULE,
    missing_owner::RULE,
    unlocked_mount::RULE,
    disabled_cache::RULE,
    wiped_mount::RULE,
    docker_clean::RULE,
    link_mode::RULE,
    hidden_state::RULE,
    old_syntax::RULE,
];

/// The rule of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

impl Rule {
    /// Its documentation in Markdown.
    #[must_use]
    pub fn documentation(&self) -> String {
        let mut out = String::new();
        for line in self.source.lines().take_while(|line| line.starts_with("//!")) {
            out.push_str(line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default());
            out.push('\n');
        }
        out
    }

    /// The code blocks of its documentation: the example, and what the fix makes of it.
    #[must_use]
    pub fn example(&self) -> Option<(String, String)> {
        let documentation = self.documentation();
        let mut blocks = documentation.split("```dockerfile\n").skip(1).filter_map(|rest| {
            let (block, _) = rest.split_once("```")?;
            Some(block.to_owned())
        });
        Some((blocks.next()?, blocks.next()?))
    }
}
