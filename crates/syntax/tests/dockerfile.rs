//! What `BuildKit`'s own files do not cover: here-documents, CRLF, byte-order marks, other bytes, error recovery.

use cachemount_syntax::PieceKind::{Blank, Comment, Continuation, LineEnd, Text};
use cachemount_syntax::{Arguments, Dockerfile, Instruction, Item, Keyword};
use proptest::prelude::*;

fn parse(source: &str) -> Dockerfile {
    let file = Dockerfile::parse(source.as_bytes());
    assert_eq!(file.print(source.as_bytes()), source.as_bytes());
    file
}

fn only(file: &Dockerfile) -> &Instruction {
    let mut all = file.instructions();
    let first = all.next().expect("an instruction");
    assert!(all.next().is_none(), "more than one instruction");
    first
}

fn shell(instruction: &Instruction) -> String {
    let span = instruction.shell_text().expect("a shell command");
    String::from_utf8_lossy(&instruction.text.bytes()[span.range()]).into_owned()
}

#[test]
fn comments_and_blank_lines_inside_a_continuation() {
    let source = "RUN a \\\n  # why\n\n    && b \\ \t\n\t# last\n  c\nUSER x";
    let file = parse(source);
    let run = file.instructions().next().expect("RUN");
    assert_eq!(shell(run), "a     && b   c");
    let kinds: Vec<_> = run.pieces.iter().map(|piece| piece.kind).collect();
    assert_eq!(
        kinds,
        [
            Text,
            Continuation,
            Comment,
            Blank,
            Text,
            Continuation,
            Comment,
            Text,
            LineEnd
        ]
    );
    let b = run.text.bytes().iter().position(|byte| *byte == b'b').expect("b");
    assert_eq!(source.as_bytes()[run.text.source_offset(b)], b'b');
}

#[test]
fn backtick_escape() {
    let file = parse("# escape=`\nFROM x\nRUN dir c:\\ `\n  && b\n");
    assert_eq!(file.escape, b'`');
    let run = file.instructions().nth(1).expect("RUN");
    assert_eq!(shell(run), "dir c:\\   && b");
}

#[test]
fn directives_end_at_the_first_other_line() {
    let file = parse("# syntax = docker/dockerfile:1.7 \n# Unknown=1\n# escape=\\\n\n# escape=`\nFROM x\n");
    assert_eq!(file.directive("syntax").expect("syntax").value, "docker/dockerfile:1.7");
    assert_eq!(file.escape, b'\\');
    assert!(file.errors().is_empty());
    assert_eq!(parse("# escape=x\nFROM a").errors().len(), 1);
    assert_eq!(parse("# syntax=a\n# syntax=b\nFROM a").errors().len(), 1);
}

#[test]
fn a_heredoc_may_be_the_whole_script() {
    let file = parse("RUN --network=none <<EOF\nset -e\napt-get update\nEOF\nUSER x\n");
    let run = file.instructions().next().expect("RUN");
    assert_eq!(shell(run), "set -e\napt-get update\n");
    assert_eq!(run.heredocs[0].name, "EOF");
    assert_eq!(
        file.instructions().nth(1).expect("USER").statement.keyword,
        Keyword::User
    );
}

#[test]
fn several_heredocs_belong_to_one_instruction() {
    let file = parse("COPY <<a <<-'b' /to/\none\na\n\ttwo\n\tb\nRUN cat <<E > /f\n$X\nE\n");
    let copy = file.instructions().next().expect("COPY");
    let text = |index: usize| {
        let span = copy.heredocs[index].content;
        String::from_utf8_lossy(&copy.text.bytes()[span.range()]).into_owned()
    };
    assert_eq!((text(0).as_str(), text(1).as_str()), ("one\n", "\ttwo\n"));
    assert!(copy.heredocs[1].strip_tabs && !copy.heredocs[1].expand);
    let run = file.instructions().nth(1).expect("RUN");
    assert_eq!(shell(run), "cat <<E > /f\n$X\nE\n");
}

#[test]
fn a_heredoc_for_another_interpreter_is_no_shell() {
    let file = parse("RUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF\n");
    assert_eq!(only(&file).shell_text(), None);
    let file = parse("RUN <<EOF\n#!/bin/bash\nls\nEOF\n");
    assert!(only(&file).shell_text().is_some());
}

#[test]
fn a_blank_before_the_name_of_a_heredoc() {
    let file = parse("FROM a\nRUN cat << EOF > /x\nRUN apt-get update\nEOF\nUSER b\n");
    assert_eq!(file.instructions().count(), 3);
    // Without an end it is what older builders take it for.
    assert_eq!(parse("FROM a\nRUN cat << EOF > /x\nUSER b\n").instructions().count(), 3);
}

#[test]
fn an_open_heredoc_is_an_error_and_loses_nothing() {
    let file = parse("FROM a\nRUN <<EOF\nls\n");
    assert_eq!(file.errors().len(), 1);
}

#[test]
fn errors_stay_in_their_line() {
    let file = parse("FROM a\nENV x\nRUN [1]\nCOPY a b\n");
    assert_eq!(file.errors().len(), 2);
    let keywords: Vec<_> = file.instructions().map(|i| i.statement.keyword).collect();
    assert_eq!(keywords, [Keyword::From, Keyword::Env, Keyword::Run, Keyword::Copy]);
}

#[test]
fn crlf_and_byte_order_mark() {
    let file = parse("\u{feff}FROM a\r\nRUN x \\\r\n  # c\r\n  y\r\nENV A=1\r\n");
    assert!(matches!(file.items[0], Item::ByteOrderMark(_)));
    assert_eq!(shell(file.instructions().nth(1).expect("RUN")), "x   y");
    let Arguments::Pairs(pairs) = &file.instructions().nth(2).expect("ENV").statement.arguments else {
        panic!("no pairs");
    };
    assert_eq!(pairs[0].value, "1");
}

#[test]
fn other_bytes_survive() {
    let source = b"FROM a\n# caf\xe9\nRUN echo \xff && ls\n";
    let file = Dockerfile::parse(source);
    assert_eq!(file.print(source), source);
    assert_eq!(file.instructions().count(), 2);
}

#[test]
fn onbuild_holds_an_instruction() {
    let file = parse("ONBUILD RUN --mount=type=cache,target=/x a \\\n b\n");
    let Arguments::Onbuild(nested) = &only(&file).statement.arguments else {
        panic!("nothing nested");
    };
    assert_eq!(nested.keyword, Keyword::Run);
    assert_eq!(
        nested.flags[0].mount_options().expect("a mount")[1].value.as_deref(),
        Some("/x")
    );
}

proptest! {
    #[test]
    fn any_bytes_come_back(source in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(Dockerfile::parse(&source).print(&source), source);
    }

    #[test]
    fn any_arrangement_comes_back(parts in proptest::collection::vec(prop_oneof![
        Just("RUN "), Just("ENV a=b"), Just(" \\\n"), Just("\n"), Just("\r\n"), Just("# c\n"), Just("<<EOF"), Just("EOF\n"),
        Just("'"), Just("\""), Just("["), Just("--mount=type=cache"), Just("`"), Just("\\"), Just("COPY <<-A x\n"), Just("# escape=`\n"),
        Just("ONBUILD "), Just("\u{feff}"), Just("$("), Just("é"),
    ], 0..40)) {
        let source = parts.concat();
        let file = Dockerfile::parse(source.as_bytes());
        prop_assert_eq!(file.print(source.as_bytes()), source.as_bytes());
        for instruction in file.instructions() {
            if let Some(span) = instruction.shell_text() {
                // No panic and no endless loop; the verdict does not matter here.
                let _ = cachemount_syntax::shell::parse(instruction.text.bytes(), span);
            }
        }
    }
}
