//! Disagreements with `parse-dockerfile`.

use super::{Explanation, Whose};
use crate::oracles::difference::Kind;

pub static EXPLANATIONS: &[Explanation] = &[
    Explanation {
        kinds: &[Kind::File, Kind::Instructions],
        whose: Whose::Theirs,
        text: "a here-document counts only if it is the first word of RUN, so its lines become instructions; \
               to BuildKit it may be any word",
        example: "FROM a\nRUN cat <<EOF >> /b\nhello\nEOF\n",
        matches: |it| it.only_ours() && it.theirs.starts_with("unknown instruction") && it.text.contains("<<"),
    },
    Explanation {
        kinds: &[Kind::File, Kind::Instructions],
        whose: Whose::Theirs,
        text: "an escape character that is itself escaped still joins the next line; to BuildKit it ends the instruction",
        example: "FROM a\nENV A b\\\\\nENV C d\n",
        matches: |it| !it.only_ours() && it.text.lines().any(|line| line.trim_end().ends_with("\\\\")),
    },
    Explanation {
        kinds: &[Kind::File],
        whose: Whose::Theirs,
        text: "ENV and LABEL with a name alone are taken; BuildKit refuses them, and so do its test files",
        example: "FROM a\nENV PATH\n",
        matches: |it| it.only_theirs() && it.ours.ends_with("needs a name and a value"),
    },
    Explanation {
        kinds: &[Kind::File],
        whose: Whose::Nobody,
        text: "the kind of HEALTHCHECK is judged at once; BuildKit's parser takes any, and a later pass refuses it",
        example: "FROM a\nHEALTHCHECK\n",
        matches: |it| it.only_ours() && it.theirs == "expected CMD or NONE",
    },
    Explanation {
        kinds: &[Kind::RunText],
        whose: Whose::Theirs,
        text: "a flag ends at the first blank even inside a quote; to BuildKit a quote goes on, to the end if need be",
        example: "FROM a\nRUN --mount=target=/b' c d\n",
        matches: |it| {
            let command = |run: &str| run.lines().filter(|line| !line.starts_with("--")).collect::<String>();
            it.text.contains(['\'', '"']) && command(&it.theirs).ends_with(&command(&it.ours))
        },
    },
    Explanation {
        kinds: &[Kind::RunText],
        whose: Whose::Theirs,
        text: "a here-document whose name is quoted by a backslash alone is taken as expanded; to the shell any quoting \
               turns expansion off",
        example: "FROM a\nRUN <<E\\'F\nx\nE'F\n",
        matches: |it| it.text.contains("<<") && it.ours.replace("expanded: false", "expanded: true") == it.theirs,
    },
];
