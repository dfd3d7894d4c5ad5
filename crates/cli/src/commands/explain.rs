//! `cachemount explain`

use anyhow::{Result, bail};
use cachemount_lint::knowledge::{CacheDir, Knowledge, Tool};
use cachemount_lint::rules::{self, RULES};

use crate::Outcome;
use crate::args::ExplainArgs;

/// Prints a page, or the list of them.
pub fn run(options: &ExplainArgs) -> Result<Outcome> {
    let knowledge = Knowledge::builtin();
    let Some(name) = &options.name else {
        anstream::println!("Rules:");
        for rule in RULES {
            anstream::println!("  {:<16} {}", rule.id, rule.summary);
        }
        anstream::println!("\nTools:");
        for tool in &knowledge.tools {
            anstream::println!("  {:<16} {}", tool.id, tool.name);
        }
        return Ok(Outcome::Good);
    };
    if let Some(rule) = rules::find(name) {
        anstream::println!("{}", rule.documentation().trim_end());
    } else if let Some(tool) = knowledge.tool(name) {
        anstream::println!("{}", page(tool));
    } else {
        bail!("explain `{name}`: no rule and no tool has this name; `cachemount explain` lists both");
    }
    Ok(Outcome::Good)
}

fn page(tool: &Tool) -> String {
    let mut out = format!("# {}\n\n", tool.name);
    for cache in &tool.cache {
        directory(&mut out, cache);
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push_str(&format!("{title}:\n"));
            for line in lines {
                out.push_str(&format!("  {line}\n"));
            }
            out.push('\n');
        }
    };
    let off = tool
        .off
        .flags
        .iter()
        .cloned()
        .chain(
            tool.off
                .env
                .iter()
                .map(|env| format!("{} (for one command: {}={})", env.name, env.name, env.neutral)),
        )
        .collect();
    section("Switched off by", off);
    section(
        "Wiped by",
        tool.wipe.iter().map(|wipe| wipe.command.to_string()).collect(),
    );
    section(
        "Set with a mount",
        tool.env
            .iter()
            .map(|set| format!("{}={}: {}", set.name, set.value, set.why))
            .collect(),
    );
    section(
        "Hidden for the step",
        tool.hide
            .iter()
            .map(|hide| format!("{}: {}", hide.file, hide.why))
            .collect(),
    );
    section("Never covered by a mount", tool.keep.clone());
    if !tool.note.is_empty() {
        out.push_str(&format!("{}\n\n", tool.note));
    }
    out.push_str(&format!("Evidence: {}", tool.evidence));
    if !tool.source.is_empty() {
        out.push_str(&format!("; {}", tool.source));
    }
    out
}

fn directory(out: &mut String, cache: &CacheDir) {
    let name = if cache.part.is_empty() {
        "Cache"
    } else {
        cache.part.as_str()
    };
    out.push_str(&format!("{name}:\n"));
    let root: Vec<_> = cache.path.iter().map(|path| path.replace('~', "/root")).collect();
    let user: Vec<_> = cache.path.iter().map(|path| path.replace('~', "/home/USER")).collect();
    out.push_str(&format!("  as root          {}\n", root.join(", else ")));
    if user != root {
        out.push_str(&format!("  as another user  {}\n", user.join(", else ")));
    }
    if !cache.flags.is_empty() {
        out.push_str(&format!("  moved by         {}\n", cache.flags.join(", ")));
    }
    out.push_str(&format!(
        "  sharing          {}: {}\n\n",
        cache.sharing.as_str(),
        cache.why
    ));
}
