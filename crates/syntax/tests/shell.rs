//! Commands and words, through every construct of the shell.

use cachemount_syntax::shell::{self, CallUser, Site};
use cachemount_syntax::{Span, shell::Call};

fn commands(script: &str) -> Vec<String> {
    let list = shell::parse(script.as_bytes(), Span::new(0, script.len()))
        .unwrap_or_else(|error| panic!("{script:?}: {error} at {}", error.at));
    shell::sites(&list)
        .iter()
        .map(|site| {
            site.simple
                .words
                .iter()
                .map(|word| word.static_value().unwrap_or_else(|| "?".to_owned()))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn refused(script: &str) -> bool {
    shell::parse(script.as_bytes(), Span::new(0, script.len())).is_err()
}

#[test]
fn every_construct_shows_its_commands() {
    for (script, expected) in [
        ("a && b || c; d & e", vec!["a", "b", "c", "d", "e"]),
        ("a | b |& c", vec!["a", "b", "c"]),
        ("! a", vec!["a"]),
        (
            "if a; then b; elif c; then d; else e; fi",
            vec!["a", "b", "c", "d", "e"],
        ),
        ("for x in 1 2; do a $x; done", vec!["a ?"]),
        ("for x\ndo a\ndone", vec!["a"]),
        ("for ((i=0; i<3; i++)); do a; done", vec!["a"]),
        ("while a; do b; done < f", vec!["a", "b"]),
        ("until a; do b; done", vec!["a", "b"]),
        ("case $x in a|b) c ;; (d) e ;& *) ;; esac; f", vec!["c", "e", "f"]),
        ("case x in a) b; esac", vec!["b"]),
        ("f() { a; }; function g { b; }; f", vec!["a", "b", "f"]),
        ("(a; b) && { c; }", vec!["a", "b", "c"]),
        ("((1+2)) && a", vec!["a"]),
        ("( (a) )", vec!["a"]),
        ("[[ -f x && ! ( $a < b ) ]] && c", vec!["c"]),
        ("[ -f x ] && c", vec!["[ -f x ]", "c"]),
        ("echo $(a b) `c` \"$(d)\"", vec!["echo ? ? ?", "a b", "c", "d"]),
        ("x=$(a) y=1 b", vec!["b", "a"]),
        ("a=(1 2 3); b", vec!["", "b"]),
        ("diff <(a) <(b)", vec!["diff ? ?", "a", "b"]),
        ("a # b && c\nd", vec!["a", "d"]),
        ("while a; do b; done < <(c d)", vec!["c d", "a", "b"]),
        ("x=($(a) b)", vec!["", "a"]),
        ("[[ $(a) == b ]]", vec!["a"]),
        ("f() { a; } > b; c", vec!["a", "c"]),
        ("a#b", vec!["a#b"]),
        ("cat <<EOF && b\nx && y\nEOF\nc", vec!["cat", "b", "c"]),
        ("cat <<-'E'\n\tx\n\tE\nc", vec!["cat", "c"]),
        ("a \\\n b", vec!["a b"]),
        ("a > f 2>&1 &>/dev/null b", vec!["a b"]),
        ("echo $((1 + (2*3))) $(( $(a) ))", vec!["echo ? ?"]),
        ("a ${x:-$(b)} ${y}", vec!["a ? ?"]),
        ("a 'b c'\"d\"\\ e", vec!["a b cd e"]),
        ("a \"\" ''", vec!["a  "]),
        ("echo {a,b} {x} {1..3}", vec!["echo ? {x} ?"]),
        ("a\n\n b;\n", vec!["a", "b"]),
        ("if [ $a = b ] ; then (cd x && y) ; fi", vec!["[ ? = b ]", "cd x", "y"]),
        ("echo done; echo if", vec!["echo done", "echo if"]),
        ("", vec![]),
    ] {
        assert_eq!(commands(script), expected, "{script:?}");
    }
}

#[test]
fn what_is_not_shell_is_refused() {
    for script in [
        "a &&",
        "a | ",
        "'open",
        "\"open",
        "$(a",
        "if a; then b",
        "done",
        "a ;; b",
        ") a",
        "(a",
        "{ a",
        "a && && b",
        "for x in a; b",
        "cat <<EOF\nx",
        "`a",
        "if (Test-Path x) { Remove-Item x }",
        "fi",
    ] {
        assert!(refused(script), "{script:?}");
    }
    assert!(
        refused(&"(".repeat(5_000)),
        "deep nesting ends in an error, not in a stack overflow"
    );
    assert!(refused(&"$(".repeat(5_000)));
}

#[test]
fn words_keep_their_place() {
    let script = "rm -rf  '/a b' && x";
    let list = shell::parse(script.as_bytes(), Span::new(0, script.len())).expect("valid");
    let site = &shell::sites(&list)[0];
    assert_eq!(&script[site.simple.words[2].span.range()], "'/a b'");
    assert_eq!(site.position.expect("a place").link, 0);
}

fn with_call<T>(script: &str, read: impl Fn(Call<'_>, &Site<'_>) -> T) -> T {
    let list = shell::parse(script.as_bytes(), Span::new(0, script.len())).expect("valid");
    let sites = shell::sites(&list);
    let site = &sites[0];
    read(shell::call_of(script.as_bytes(), site.simple).expect("a call"), site)
}

#[test]
fn wrappers_are_taken_off() {
    for (script, command, user) in [
        ("sudo -E apt-get update", "apt-get", CallUser::Other("root".into())),
        ("sudo -u app -- pip install x", "pip", CallUser::Other("app".into())),
        ("env A=1 B=2 uv sync", "uv", CallUser::Same),
        ("time -p nice -n 5 npm ci", "npm", CallUser::Same),
        ("exec /usr/bin/apt-get update", "/usr/bin/apt-get", CallUser::Same),
        ("timeout -k 5 60 npm ci", "npm", CallUser::Same),
        ("gosu app npm ci", "npm", CallUser::Other("app".into())),
        ("xargs -n 1 apt-get install -y", "apt-get", CallUser::Same),
        ("runuser -u app -- uv sync", "uv", CallUser::Other("app".into())),
    ] {
        with_call(script, |call, _| {
            assert_eq!(call.words[0].static_value().as_deref(), Some(command), "{script}");
            assert_eq!(call.user, user, "{script}");
        });
    }
}

#[test]
fn scripts_behind_a_shell_are_found() {
    for (script, inner) in [
        ("bash -c 'apt-get update && x'", Some("apt-get update && x")),
        ("/bin/sh -exc \"npm ci\"", Some("npm ci")),
        ("bash -o pipefail -c 'a | b'", Some("a | b")),
        ("su app -c 'npm ci'", Some("npm ci")),
        ("bash -c \"a \\\"b\\\"\"", None),
        ("bash script.sh", None),
    ] {
        with_call(script, |call, _| {
            assert_eq!(call.script.map(|span| &script[span.range()]), inner, "{script}");
            assert_eq!(call.opaque, inner.is_none(), "{script}");
        });
    }
}

#[test]
fn surroundings_are_known() {
    let script = "if a; then b; fi; for d in x y; do c; done; f() { g; }; h $(i) | j; ! k &";
    let list = shell::parse(script.as_bytes(), Span::new(0, script.len())).expect("valid");
    let inside: Vec<_> = shell::sites(&list)
        .into_iter()
        .map(|site| {
            let i = &site.inside;
            let mut flags = String::new();
            for (flag, set) in [
                ('c', i.condition),
                ('b', i.branch),
                ('l', i.in_loop),
                ('f', i.function),
                ('s', i.substitution),
                ('p', i.pipeline),
                ('n', i.negated),
                ('&', i.background),
            ] {
                if set {
                    flags.push(flag);
                }
            }
            (site.simple.words[0].static_value().expect("static"), flags)
        })
        .collect();
    let expected = [
        ("a", "c"),
        ("b", "b"),
        ("c", "l"),
        ("g", "f"),
        ("h", "p"),
        ("i", "sp"),
        ("j", "p"),
        ("k", "n&"),
    ];
    assert_eq!(inside, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}
