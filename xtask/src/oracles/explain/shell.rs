//! Disagreements with `bash -n` and with brush.

use super::{Explanation, Whose};
use crate::oracles::difference::Kind;
use crate::oracles::shell::is_posix;

const VERDICTS: &[Kind] = &[Kind::Bash, Kind::Brush];

pub static EXPLANATIONS: &[Explanation] = &[
    Explanation {
        kinds: &[Kind::Bash, Kind::Brush, Kind::Commands],
        whose: Whose::Nobody,
        text: "the text is for PowerShell, cmd or another program that is no POSIX shell; the rules never look at it",
        example: "FROM a\nSHELL [\"pwsh\", \"-Command\"]\nRUN echo ${X:-{}\n",
        matches: |it| !is_posix(&it.shell),
    },
    // We refuse a script that is right: the step is left alone.
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "we count brackets and quotes inside `${…}` by themselves, and do not find the end where one stands alone",
        example: "FROM a\nRUN echo ${X:-{}\n",
        matches: |it| {
            it.only_theirs() && it.ours.contains("has no end") && expansion_with(&it.text, &["{", "\"", "$("])
        },
    },
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "we refuse an array as an argument (`export A=(…)`, `declare`, `local`), which only bash has",
        example: "FROM a\nRUN export A=(1 2)\n",
        matches: |it| {
            it.only_theirs() && it.ours.starts_with("an operator is out of place at `(") && it.text.contains("=(")
        },
    },
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "we refuse `function NAME ( … )`, whose body is a subshell, which only bash has",
        example: "FROM a\nRUN function f ( cd / )\n",
        matches: |it| {
            it.only_theirs() && it.ours.starts_with("a reserved word is missing") && it.text.contains("function ")
        },
    },
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "`time` and `coproc` are commands to us, so we refuse a compound command behind them",
        example: "FROM a\nRUN time { a; }\n",
        matches: |it| {
            it.only_theirs()
                && it.ours.contains("out of place")
                && it
                    .text
                    .split_whitespace()
                    .any(|word| word == "time" || word == "coproc")
        },
    },
    // We take a script that is wrong: the build fails, whatever we do.
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "`in` and `]]` where a command begins are words to us, reserved words to the others",
        example: "FROM a\nRUN a && in b\n",
        matches: |it| {
            it.only_ours()
                && (["`in'", "`]]'"].iter().any(|word| it.theirs.contains(word))
                    || matches!(word_before_mark(&it.theirs), Some("in" | "]]")))
        },
    },
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "`!` behind `|` is a word to us, out of place to the others",
        example: "FROM a\nRUN a | ! b\n",
        matches: |it| {
            it.only_ours()
                && it.text.contains('|')
                && (it.theirs.contains("`!'") || word_before_mark(&it.theirs) == Some("!"))
        },
    },
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "`time` alone is a command to us; to bash it needs a pipeline, or nothing behind it",
        example: "FROM a\nRUN time & a\n",
        matches: |it| {
            it.only_ours() && it.theirs.contains("`&") && it.text.split_whitespace().any(|word| word.ends_with("time"))
        },
    },
    Explanation {
        kinds: VERDICTS,
        whose: Whose::OurLimit,
        text: "we do not judge what stands inside `${…}`",
        example: "FROM a\nRUN echo ${A$(B}\n",
        matches: |it| {
            let open = ["matching", "unterminated", "has no end", "syntax error"];
            it.only_ours()
                && open.iter().any(|part| it.theirs.contains(part))
                && expansion_with(&it.text, &["$(", "<(", "\"", "`", "$'"])
        },
    },
    Explanation {
        kinds: &[Kind::Bash],
        whose: Whose::Nobody,
        text: "bash takes a name and `[` for an array element and wants its `]`; to a POSIX shell it is a word",
        example: "FROM a\nRUN mv[n a b\n",
        matches: |it| it.only_ours() && it.theirs.ends_with("matching `]'"),
    },
    Explanation {
        kinds: &[Kind::Bash],
        whose: Whose::Nobody,
        text: "bash has the patterns `!(…)`, `@(…)` only after `shopt -s extglob`, which -n does not see",
        example: "FROM a\nRUN rm -rf !(a|b)\n",
        matches: |it| {
            let patterns = ["!(", "@(", "?(", "*(", "+("];
            it.only_ours() && it.theirs.contains("token `('") && patterns.iter().any(|part| it.text.contains(part))
        },
    },
    Explanation {
        kinds: &[Kind::Brush],
        whose: Whose::Theirs,
        text: "brush refuses `select`, `for ((;;))`, and braces in place of `do` and `done`",
        example: "FROM a\nRUN for x in a b; { c; }\n",
        matches: |it| {
            it.only_ours()
                && (it.theirs.contains("‸{") || ["select ", "((;;))"].iter().any(|part| it.text.contains(part)))
        },
    },
    Explanation {
        kinds: &[Kind::Brush],
        whose: Whose::Theirs,
        text: "brush ends `$(` at the `)` of a case pattern, or takes `*(` inside `${…}` for a pattern's beginning",
        example: "FROM a\nRUN echo $(case a in b) c;; esac)\n",
        matches: |it| it.only_ours() && (it.text.contains("$(case ") || it.theirs.contains("extglob")),
    },
    Explanation {
        kinds: &[Kind::Brush],
        whose: Whose::Theirs,
        text: "brush sees a reserved word behind an assignment, where a word is a command's name",
        example: "FROM a\nRUN a=b if\n",
        matches: |it| {
            let words: Vec<_> = it.text.split_whitespace().collect();
            it.only_ours()
                && words
                    .windows(2)
                    .any(|pair| pair[0].contains('=') && RESERVED.contains(&pair[1]))
        },
    },
    Explanation {
        kinds: &[Kind::Brush],
        whose: Whose::Theirs,
        text: "brush takes a `!` with no command behind it",
        example: "FROM a\nRUN a && !& b\n",
        matches: |it| {
            it.only_theirs()
                && ["!&", "! else", "! fi", "! done"]
                    .iter()
                    .any(|part| it.text.contains(part))
        },
    },
    Explanation {
        kinds: &[Kind::Brush],
        whose: Whose::Theirs,
        text: "brush wants the end of a `{` behind `$$`, and of a `$[`; to bash these are text",
        example: "FROM a\nRUN a $${B\n",
        matches: |it| {
            it.only_ours()
                && it.theirs.contains("unterminated")
                && ["$${", "$["].iter().any(|part| it.text.contains(part))
        },
    },
    // Both take it and see other commands.
    Explanation {
        kinds: &[Kind::Commands],
        whose: Whose::OurLimit,
        text: "we keep case patterns as they are, and do not look for commands inside them",
        example: "FROM a\nRUN case x in $(id -u)) a;; esac\n",
        matches: |it| !it.hidden.is_empty(),
    },
    Explanation {
        kinds: &[Kind::Commands],
        whose: Whose::Theirs,
        text: "brush cuts the word that follows a here-document's name at a `${…}` in it",
        example: "FROM a\nRUN cat <<EOF >> \"${HOME}/.bashrc\"\nb\nEOF\n",
        matches: |it| it.text.contains("<<") && it.theirs.contains("[${}"),
    },
    Explanation {
        kinds: &[Kind::Commands],
        whose: Whose::Theirs,
        text: "brush gives the text of an expansion that it does not know; to us it is dynamic",
        example: "FROM a\nRUN echo ${A>B}\n",
        matches: |it| it.theirs.contains("${"),
    },
    Explanation {
        kinds: &[Kind::Commands],
        whose: Whose::Theirs,
        text: "brush takes the `{name}` of `{name}>file` for a word",
        example: "FROM a\nRUN {fd}>b a\n",
        matches: |it| it.theirs.contains("[{") && !it.ours.contains("[{"),
    },
    Explanation {
        kinds: &[Kind::Commands],
        whose: Whose::OurLimit,
        text: "bash's old arithmetic `$[…]` is text to us, as it is to dash",
        example: "FROM a\nRUN echo $[1+2]\n",
        matches: |it| it.ours.contains("$["),
    },
    Explanation {
        kinds: &[Kind::Commands],
        whose: Whose::Nobody,
        text: "brush writes `|&` as a redirection of the first command; to us it is a pipe",
        example: "FROM a\nRUN a |& b\n",
        matches: |it| it.text.contains("|&") && it.theirs.contains("[>&1]"),
    },
];

const RESERVED: &[&str] = &[
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
];

/// The word before the place of brush's error.
fn word_before_mark(message: &str) -> Option<&str> {
    let before = message.split_once('‸')?.0.trim_end();
    // Tabs come escaped.
    before.trim_end_matches("\\t").split_whitespace().last()
}

/// Whether a `${…}`, up to its first `}`, holds one of these.
fn expansion_with(text: &str, parts: &[&str]) -> bool {
    text.split("${").skip(1).any(|rest| {
        let inside = rest.split('}').next().unwrap_or_default();
        parts.iter().any(|part| inside.contains(part))
    })
}
