//! Our reading of a file against `parse-dockerfile`'s.

use cachemount_syntax::instruction::{Keyword, Statement};
use cachemount_syntax::{Arguments, Dockerfile, Instruction, LineIndex};
use parse_dockerfile as other;

use super::Outcome;
use super::difference::{ACCEPTS, Difference, Kind};

/// Compares verdicts; where both take the file, instructions and the texts of `RUN` too.
pub fn compare(name: &str, text: &str, file: &Dockerfile, outcome: &mut Outcome) {
    let index = LineIndex::new(text.as_bytes());
    let difference = |kind, line, ours: String, theirs: String| Difference {
        kind,
        file: name.to_owned(),
        line,
        ours,
        theirs,
        text: match kind {
            Kind::Instructions => text.to_owned(),
            _ => around(text, file, &index, line),
        },
        shell: String::new(),
        hidden: Vec::new(),
    };
    let ours = refusal(file, &index);
    let theirs = other::parse(text);
    outcome.counts.compared(Kind::File);
    match (&ours, &theirs) {
        (Some((line, message)), Ok(_)) => {
            outcome
                .differences
                .push(difference(Kind::File, *line, message.clone(), ACCEPTS.to_owned()));
            return;
        }
        (None, Err(error)) => {
            let theirs = format!("{error:#}");
            outcome
                .differences
                .push(difference(Kind::File, error.line(), ACCEPTS.to_owned(), theirs));
            return;
        }
        (Some(_), Err(_)) => {
            outcome.counts.both_refuse_file += 1;
            return;
        }
        (None, Ok(_)) => {}
    }
    let Ok(theirs) = theirs else { return };

    let our_names: Vec<_> = file.instructions().map(|i| our_name(&i.statement)).collect();
    let their_names: Vec<_> = theirs.instructions.iter().map(their_name).collect();
    outcome.counts.compared(Kind::Instructions);
    if our_names != their_names {
        let at = our_names.iter().zip(&their_names).take_while(|(a, b)| a == b).count();
        let line = file
            .instructions()
            .nth(at)
            .map_or(0, |instruction| index.line(instruction.span.start));
        outcome.differences.push(difference(
            Kind::Instructions,
            line,
            our_names[at..].join(" "),
            their_names[at..].join(" "),
        ));
        return;
    }
    for (instruction, their) in file.instructions().zip(&theirs.instructions) {
        let Some(theirs) = their_run(their, file.escape) else {
            continue;
        };
        outcome.counts.compared(Kind::RunText);
        let ours = our_run(instruction);
        if ours != theirs {
            let line = index.line(instruction.span.start);
            outcome.differences.push(difference(Kind::RunText, line, ours, theirs));
        }
    }
}

/// Why the builder would refuse the file according to us, with the line.
fn refusal(file: &Dockerfile, index: &LineIndex) -> Option<(usize, String)> {
    if let Some(error) = file.errors().first() {
        return Some((index.line(error.span.start), error.message.clone()));
    }
    let mut from = false;
    for instruction in file.instructions() {
        let line = index.line(instruction.span.start);
        let mut statement = &instruction.statement;
        from |= statement.keyword == Keyword::From;
        if !from && statement.keyword != Keyword::Arg {
            return Some((line, "FROM is missing before it".to_owned()));
        }
        while let Arguments::Onbuild(nested) = &statement.arguments {
            statement = nested;
        }
        if statement.keyword == Keyword::Unknown {
            return Some((line, format!("unknown instruction {}", statement.keyword_word.text)));
        }
    }
    (!from).then(|| (1, "FROM is missing".to_owned()))
}

/// The instruction at a line, with the one before it: a wrong end there is often what went wrong here.
fn around(text: &str, file: &Dockerfile, index: &LineIndex, line: usize) -> String {
    let until: Vec<_> = file
        .instructions()
        .filter(|instruction| index.line(instruction.span.start) <= line)
        .map(|instruction| instruction.span)
        .collect();
    let Some(last) = until.last() else {
        return String::new();
    };
    let first = until.iter().rev().nth(1).unwrap_or(last);
    text.get(first.start..last.end).unwrap_or_default().to_owned()
}

fn our_name(statement: &Statement) -> String {
    match &statement.arguments {
        Arguments::Onbuild(nested) => format!("ONBUILD:{}", our_name(nested)),
        _ => statement.keyword.as_str().to_owned(),
    }
}

fn their_name(instruction: &other::Instruction<'_>) -> String {
    use other::Instruction as I;
    let name = match instruction {
        I::Add(_) => "ADD",
        I::Arg(_) => "ARG",
        I::Cmd(_) => "CMD",
        I::Copy(_) => "COPY",
        I::Entrypoint(_) => "ENTRYPOINT",
        I::Env(_) => "ENV",
        I::Expose(_) => "EXPOSE",
        I::From(_) => "FROM",
        I::Healthcheck(_) => "HEALTHCHECK",
        I::Label(_) => "LABEL",
        I::Maintainer(_) => "MAINTAINER",
        I::Onbuild(onbuild) => return format!("ONBUILD:{}", their_name(&onbuild.instruction)),
        I::Run(_) => "RUN",
        I::Shell(_) => "SHELL",
        I::Stopsignal(_) => "STOPSIGNAL",
        I::User(_) => "USER",
        I::Volume(_) => "VOLUME",
        I::Workdir(_) => "WORKDIR",
        _ => "?",
    };
    name.to_owned()
}

/// Flags, arguments and here-documents of our `RUN`, one a line.
fn our_run(instruction: &Instruction) -> String {
    let mut statement = &instruction.statement;
    while let Arguments::Onbuild(nested) = &statement.arguments {
        statement = nested;
    }
    let bytes = instruction.text.bytes();
    let part = |range| String::from_utf8_lossy(&bytes[range]).into_owned();
    let mut lines: Vec<String> = statement.flags.iter().map(|flag| format!("--{}", flag.name)).collect();
    match &statement.arguments {
        Arguments::Exec(words) => lines.extend(words.iter().map(|word| format!("exec {:?}", word.text))),
        _ => {
            // parse-dockerfile's text begins behind a here-document that is the first word.
            let mut span = statement.arguments_span;
            if let Some(first) = instruction.heredocs.first()
                && first.redirect.start == span.start
            {
                span.start = first.redirect.end;
            }
            lines.push(part(span.range()).trim().to_owned());
        }
    }
    for heredoc in &instruction.heredocs {
        let mut content = part(heredoc.content.range());
        if heredoc.strip_tabs {
            let stripped: Vec<_> = content.split('\n').map(|line| line.trim_start_matches('\t')).collect();
            content = stripped.join("\n");
        }
        lines.push(format!("here-document, expanded: {}", heredoc.expand));
        lines.push(content);
    }
    lines.join("\n")
}

/// The same of `parse-dockerfile`'s `RUN`; `None` for another instruction.
fn their_run(instruction: &other::Instruction<'_>, escape: u8) -> Option<String> {
    let run = match instruction {
        other::Instruction::Run(run) => run,
        other::Instruction::Onbuild(onbuild) => return their_run(&onbuild.instruction, escape),
        _ => return None,
    };
    let mut lines: Vec<String> = run
        .options
        .iter()
        .map(|flag| format!("--{}", flag.name.value.to_ascii_lowercase()))
        .collect();
    match &run.arguments {
        other::Command::Exec(words) => lines.extend(words.value.iter().map(|word| format!("exec {:?}", word.value))),
        other::Command::Shell(text) => lines.push(join(text.value, char::from(escape))),
        _ => return None,
    }
    for heredoc in &run.here_docs {
        lines.push(format!("here-document, expanded: {}", heredoc.expand));
        lines.push(heredoc.value.to_string());
    }
    Some(lines.join("\n"))
}

/// Joins continuation lines and drops comments and blank lines between them, by the words of the reference.
fn join(raw: &str, escape: char) -> String {
    let mut joined = String::new();
    for (index, line) in raw.split('\n').enumerate() {
        let line = line.trim_end_matches('\r');
        let kept = line.trim_start();
        if index > 0 && (kept.is_empty() || kept.starts_with('#')) {
            continue;
        }
        let body = line.trim_end_matches([' ', '\t']);
        joined.push_str(body.strip_suffix(escape).unwrap_or(line));
    }
    joined.trim().to_owned()
}
