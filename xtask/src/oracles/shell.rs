//! Our reading of the shell text of `RUN` against bash's and brush's.

use cachemount_syntax::instruction::{Keyword, Statement};
use cachemount_syntax::{Arguments, Dockerfile, LineIndex, Span, shell};

use super::difference::{ACCEPTS, Difference, Kind};
use super::{Outcome, bash, brush, command};

/// A text that a shell gets.
pub struct Body {
    file: String,
    line: usize,
    text: String,
    shell: String,
}

/// The stages so far: name, and the program that runs their shell forms.
type Stages = Vec<(String, String)>;

/// The shell texts of a file, in order.
pub fn bodies(name: &str, source: &[u8], file: &Dockerfile) -> Vec<Body> {
    let index = LineIndex::new(source);
    let mut stages: Stages = Vec::new();
    let mut bodies = Vec::new();
    for instruction in file.instructions() {
        let statement = &instruction.statement;
        match (&statement.arguments, statement.keyword) {
            (_, Keyword::From) => {
                let stage = stage(statement, &stages);
                stages.push(stage);
            }
            (Arguments::Exec(words), Keyword::Shell) => {
                if let (Some(stage), Some(word)) = (stages.last_mut(), words.first()) {
                    stage.1 = word.text.to_ascii_lowercase();
                }
            }
            _ => {}
        }
        let Some(span) = instruction.shell_text() else {
            continue;
        };
        bodies.push(Body {
            file: name.to_owned(),
            line: index.line(instruction.span.start),
            text: String::from_utf8_lossy(&instruction.text.bytes()[span.range()]).into_owned(),
            shell: stages.last().map(|stage| stage.1.clone()).unwrap_or_default(),
        });
    }
    bodies
}

/// What `FROM` begins: an earlier stage hands its `SHELL` on, and a Windows image has one of its own.
fn stage(from: &Statement, stages: &Stages) -> (String, String) {
    let Arguments::Words(words) = &from.arguments else {
        return (String::new(), String::new());
    };
    let image = words.first().map_or("", |word| word.text.as_str());
    let name = words.get(2).map_or("", |word| word.text.as_str());
    let inherited = stages
        .iter()
        .rev()
        .find(|stage| !stage.0.is_empty() && stage.0.eq_ignore_ascii_case(image))
        .map(|stage| stage.1.clone());
    let windows = ["windows", "nanoserver"].iter().any(|part| image.contains(part));
    let own = if windows { "cmd" } else { "" };
    (name.to_owned(), inherited.unwrap_or_else(|| own.to_owned()))
}

/// Whether a program named by `SHELL`, empty for the default, is a POSIX shell.
pub fn is_posix(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(name, "" | "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh")
}

/// Compares verdicts; where brush and we take the text, its commands too.
pub fn compare(body: &Body, outcome: &mut Outcome) -> anyhow::Result<()> {
    let bytes = body.text.as_bytes();
    let ours = shell::parse(bytes, Span::new(0, bytes.len()));
    let our_verdict = match &ours {
        Ok(_) => ACCEPTS.to_owned(),
        Err(error) => {
            let near: String = String::from_utf8_lossy(&bytes[error.at.min(bytes.len())..])
                .chars()
                .take(30)
                .collect();
            format!("{} at `{}`", error.message, near.escape_debug())
        }
    };
    let mut differences = Vec::new();
    let mut differ = |kind, ours: String, theirs: String, hidden| {
        differences.push(Difference {
            kind,
            file: body.file.clone(),
            line: body.line,
            ours,
            theirs,
            text: body.text.clone(),
            shell: body.shell.clone(),
            hidden,
        });
    };

    let theirs = bash::refusal(&body.text)?;
    if theirs.is_some() == ours.is_ok() {
        let theirs = theirs.as_deref().unwrap_or(ACCEPTS).to_owned();
        differ(Kind::Bash, our_verdict.clone(), theirs, Vec::new());
    }
    let both_refuse = theirs.is_some() && ours.is_err();
    outcome.counts.both_refuse_bash += usize::from(both_refuse);
    outcome.counts.both_refuse_posix += usize::from(both_refuse && is_posix(&body.shell));
    outcome.counts.other_shell += usize::from(!is_posix(&body.shell));
    let commands = brush::commands(&body.text);
    match (&ours, commands) {
        (Ok(list), Ok(theirs)) => {
            let ours = command::ours(list);
            let (seen, hidden): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|command| command.hidden.is_none());
            let at = ours.iter().zip(&seen).take_while(|(a, b)| a == b).count();
            let show = |commands: &[command::Command]| {
                commands
                    .get(at)
                    .map_or_else(|| "no more".to_owned(), ToString::to_string)
            };
            if at < ours.len().max(seen.len()) {
                differ(Kind::Commands, show(&ours), show(&seen), Vec::new());
            } else if !hidden.is_empty() {
                let places = hidden.iter().filter_map(|command| command.hidden).collect();
                differ(Kind::Commands, "no more".to_owned(), hidden[0].to_string(), places);
            }
            outcome.counts.compared(Kind::Commands);
            outcome.counts.commands += seen.len() + hidden.len();
        }
        (Ok(_), Err(theirs)) => differ(Kind::Brush, our_verdict, theirs, Vec::new()),
        (Err(_), Ok(_)) => differ(Kind::Brush, our_verdict, ACCEPTS.to_owned(), Vec::new()),
        (Err(_), Err(_)) => outcome.counts.both_refuse_brush += 1,
    }
    outcome.differences.extend(differences);
    outcome.counts.compared(Kind::Bash);
    outcome.counts.compared(Kind::Brush);
    Ok(())
}
