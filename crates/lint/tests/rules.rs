//! Each rule's documentation is executed: the example triggers the rule, and the fix makes of it what the page shows.

use cachemount_lint::knowledge::Knowledge;
use cachemount_lint::rules::RULES;
use cachemount_lint::{FixOptions, check, fix};

#[test]
fn examples_do_what_their_pages_say() {
    let knowledge = Knowledge::builtin();
    for rule in RULES {
        let (bad, good) = rule
            .example()
            .unwrap_or_else(|| panic!("{} has an example and its repair", rule.id));
        let report = check(bad.as_bytes(), knowledge);
        assert!(
            report.findings.iter().any(|finding| finding.rule == rule.id),
            "{}: the example does not trigger it, but {:?}",
            rule.id,
            report.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>()
        );
        // Only this rule's own repairs: its page shows nothing else.
        let fixed = fix(bad.as_bytes(), knowledge, &FixOptions { unsafe_fixes: false }).expect("fixable");
        let text = String::from_utf8(fixed.source.clone()).expect("UTF-8");
        let only = fixed.applied.iter().all(|applied| applied.rule == rule.id);
        if only {
            assert_eq!(text, good, "{}", rule.id);
        } else {
            assert!(
                fixed.applied.iter().any(|applied| applied.rule == rule.id),
                "{}",
                rule.id
            );
            eprintln!("{}: other rules repair its example too:\n{text}", rule.id);
        }
        let again = fix(&fixed.source, knowledge, &FixOptions { unsafe_fixes: false }).expect("fixable");
        assert_eq!(again.source, fixed.source, "{}: a second run changes nothing", rule.id);
        assert!(fixed.refused.is_empty(), "{}: {:?}", rule.id, fixed.refused);
    }
}

#[test]
fn pages_have_their_headings_and_ids() {
    for rule in RULES {
        let page = rule.documentation();
        assert!(page.starts_with(&format!("# {}\n", rule.id)), "{}", rule.id);
        for heading in [
            "## What it finds",
            "## Why",
            "## Example",
            "## Use instead",
            "## Fix safety",
        ] {
            assert!(page.contains(heading), "{}: {heading}", rule.id);
        }
    }
}
