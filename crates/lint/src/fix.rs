//! Fixing one file: to a fixed point, and never at the cost of anything that was not meant.

use cachemount_syntax::Dockerfile;
use thiserror::Error;

use crate::check::{Report, check_model};
use crate::edit::{Edit, Fix, Safety, apply};
use crate::finding::Finding;
use crate::knowledge::Knowledge;
use crate::model::Model;
use crate::unchanged::{Violation, verify};

/// Which fixes are applied.
#[derive(Debug, Clone, Default)]
pub struct FixOptions {
    /// Also those that rest on something the file does not say.
    pub unsafe_fixes: bool,
}

/// A fixed file.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The file's new bytes.
    pub source: Vec<u8>,
    /// What was done, in order.
    pub applied: Vec<Applied>,
    /// What is left.
    pub report: Report,
    /// Fixes that were thrown away because they would have changed more than they meant.
    pub refused: Vec<String>,
}

/// A fix that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The rule.
    pub rule: &'static str,
    /// What it did.
    pub title: String,
    /// The 1-based line of the instruction when the fix was applied.
    pub line: usize,
    /// The finding's notes: what else changed, and why.
    pub notes: Vec<String>,
}

/// Why a file cannot be fixed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FixError {
    /// The builder would refuse the file as it is.
    #[error("line {line}: {message}; correct this first")]
    Syntax {
        /// 1-based line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Fixes kept calling for more fixes.
    #[error("the fixes do not come to an end; please report this with the file")]
    NoFixedPoint,
}

/// Real files need two or three rounds.
const MAX_ROUNDS: usize = 24;

/// Applies all fixes that the options allow.
pub fn fix(source: &[u8], knowledge: &Knowledge, options: &FixOptions) -> Result<Fixed, FixError> {
    let mut current = source.to_vec();
    let mut applied = Vec::new();
    let mut refused: Vec<(&'static str, String)> = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let file = Dockerfile::parse(&current);
        let model = Model::new(&current, &file, knowledge);
        let report = check_model(&model);
        if let Some(error) = report.syntax_errors.first() {
            return Err(FixError::Syntax {
                line: model.lines.line(error.span.start),
                message: error.message.clone(),
            });
        }
        let wanted: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|finding| {
                finding
                    .fix
                    .as_ref()
                    .is_some_and(|fix| options.unsafe_fixes || fix.safety == Safety::Safe)
                    && !refused.contains(&(finding.rule, instruction_text(&model, finding)))
            })
            .collect();
        let chosen = choose(&wanted);
        if chosen.is_empty() {
            return Ok(Fixed {
                source: current.clone(),
                applied,
                report,
                refused: refused
                    .into_iter()
                    .map(|(rule, text)| format!("{rule}: {text}"))
                    .collect(),
            });
        }
        let fixes: Vec<&Fix> = chosen.iter().filter_map(|finding| finding.fix.as_ref()).collect();
        if let Ok(next) = try_fixes(&model, &fixes) {
            applied.extend(chosen.iter().map(|finding| describe(&model, finding)));
            current = next;
            continue;
        }
        // Something is wrong with at least one of them: one by one, the good ones go in and the bad ones are set aside.
        let mut progress = None;
        for finding in &chosen {
            let fix: Vec<&Fix> = finding.fix.iter().collect();
            match try_fixes(&model, &fix) {
                Ok(next) => {
                    progress = Some((next, describe(&model, finding)));
                    break;
                }
                Err(_) => refused.push((finding.rule, instruction_text(&model, finding))),
            }
        }
        if let Some((next, what)) = progress {
            applied.push(what);
            current = next;
        }
    }
    Err(FixError::NoFixedPoint)
}

/// Fixes for one round: no two for the same instruction, no overlapping edits, first come first served.
fn choose<'f>(findings: &[&'f Finding]) -> Vec<&'f Finding> {
    let mut chosen: Vec<&Finding> = Vec::new();
    let mut touched: Vec<usize> = Vec::new();
    for finding in findings {
        let Some(fix) = &finding.fix else { continue };
        let mut instructions = fix.touches.clone();
        instructions.extend(fix.new_stage_before);
        if instructions.iter().any(|instruction| touched.contains(instruction)) {
            continue;
        }
        // A new stage shifts what other fixes refer to by name; it goes alone.
        if fix.new_stage_before.is_some() && !chosen.is_empty() {
            continue;
        }
        touched.extend(instructions);
        chosen.push(finding);
        if fix.new_stage_before.is_some() {
            break;
        }
    }
    chosen
}

fn try_fixes(model: &Model<'_>, fixes: &[&Fix]) -> Result<Vec<u8>, Violation> {
    let edits: Vec<Edit> = fixes.iter().flat_map(|fix| fix.edits.iter().cloned()).collect();
    let next = apply(model.source, &edits).ok_or(Violation::Overlap)?;
    verify(model, &next, fixes)?;
    Ok(next)
}

fn describe(model: &Model<'_>, finding: &Finding) -> Applied {
    Applied {
        rule: finding.rule,
        title: finding.fix.as_ref().map(|fix| fix.title.clone()).unwrap_or_default(),
        line: model.lines.line(finding.span.start),
        notes: finding.notes.clone(),
    }
}

fn instruction_text(model: &Model<'_>, finding: &Finding) -> String {
    model
        .instructions
        .get(finding.instruction)
        .map(|instruction| instruction.arguments_with_flags())
        .unwrap_or_default()
}
