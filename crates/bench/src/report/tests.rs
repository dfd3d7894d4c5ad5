use super::*;
use crate::results::{FileChange, NetworkCheck, Outcome};
use crate::summary::tests::{good, same_image};

fn section<'a>(report: &'a str, title: &str) -> &'a str {
    let from = report
        .find(&format!("## {title}\n"))
        .unwrap_or_else(|| panic!("no section {title}"));
    let rest = &report[from..];
    let end = rest[3..].find("\n## ").map_or(rest.len(), |at| at + 3);
    &rest[..end]
}

#[test]
fn verdict_first_and_every_section_there() {
    let mut results = good();
    results.changes = vec![FileChange {
        path: "Dockerfile".into(),
        diff: "--- a\n+++ b\n-x\n+y\n".into(),
    }];
    let report = markdown(&results);
    assert!(report.starts_with("# Cache mounts for `service`\n\n**Worth merging:"));
    assert!(report.ends_with('\n') && !report.ends_with("\n\n"));
    let titles: Vec<&str> = report.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(
        titles,
        [
            "What changes",
            "Builds before and after",
            "The installing steps alone",
            "What the layer cache saves, and what the mounts save",
            "The image",
            "At other bandwidths",
            "What to expect in CI",
            "Seeing and clearing the mounts",
            "Method",
            "Environment",
            "Processor and memory",
            "Every build",
        ]
    );
    assert!(section(&report, "What changes").contains("```diff\n--- a\n+++ b\n-x\n+y\n```"));
}

#[test]
fn the_main_table() {
    let report = markdown(&good());
    let table = section(&report, "Builds before and after");
    assert!(table.contains("Network: 50mbit/20ms, shaped and counted."));
    assert!(
        table.contains("| after/before (interval, 75 % at best with 3 pairs) |"),
        "{table}"
    );
    for row in [
        "| cold | 50.0 | 49.0 | 0.98 (one run, no interval) | 200 | 200 | 1.00 | 1 |",
        "| dependencies | 21.0 (20.0 to 22.0) | 4.5 (4.0 to 5.0) | 0.21 (0.20 to 0.24) | 100 | 1.0 | 0.01 | 3 |",
    ] {
        assert!(table.contains(row), "{table}");
    }
    let saved = section(&report, "What the layer cache saves, and what the mounts save");
    assert!(saved.contains("| system | 50.0 | 9.0 | 30.5 |"), "{saved}");
}

#[test]
fn what_is_not_measured_is_no_number() {
    let mut results = good();
    results.scenarios[2].outcomes[1] = Outcome::NotMeasured {
        reason: "the step of line 4 (`RUN a | b`) had to run, but came from the layer cache".into(),
    };
    results.derive();
    let report = markdown(&results);
    let table = section(&report, "Builds before and after");
    assert!(
        table.contains("| dependencies | 21.0 (20.0 to 22.0) | not measured | – | 100 | – | – | 0 |"),
        "{table}"
    );
    assert!(table.contains(
        "- **dependencies, after: not measured.** The step of line 4 (`RUN a | b`) had to run, but came from the layer cache."
    ));
    let text = terminal(&results);
    assert!(text.contains("dependencies after: The step of line 4"), "{text}");
}

#[test]
fn the_check_of_predictions() {
    let mut results = good();
    results.checks = vec![NetworkCheck {
        network: crate::network::Network::parse("20mbit/20ms").unwrap(),
        variant: 0,
        predicted_seconds: Some(45.0),
        measured_seconds: Some(50.0),
        error_percent: Some(-10.0),
        reason: None,
    }];
    let report = markdown(&results);
    let part = section(&report, "At other bandwidths");
    assert!(part.contains("| 20mbit/20ms before | 45.0 | 50.0 | -10 % |"), "{part}");
    assert!(part.contains("20 Mbit/s, before"), "{part}");

    results.settings.network = crate::network::Network::AS_IS;
    results.derive();
    let report = markdown(&results);
    assert!(section(&report, "At other bandwidths").contains("Nothing is predicted"));
}

#[test]
fn ci_is_told_as_it_is() {
    let report = markdown(&good());
    let part = section(&report, "What to expect in CI");
    assert!(part.contains("do not travel with the layer cache"));
    assert!(part.contains("a changed dependency costs about 21.0 s there, not 4.5 s"));
    let cold = "*Cold*, after/before: 0.98 (one run, no interval), no clear difference.";
    let unchanged =
        "*unchanged*, after/before: 1.00 (1.00 to 1.10), no clear difference; *source* was not measured for both";
    for said in [cold, unchanged] {
        assert!(part.to_lowercase().contains(&said.to_lowercase()), "{part}");
    }

    let mut slow = good();
    if let Outcome::Measured { builds } = &mut slow.scenarios[0].outcomes[1] {
        builds[0].wall_seconds = 100.0;
    }
    slow.derive();
    let report = markdown(&slow);
    let part = section(&report, "What to expect in CI");
    assert!(
        part.contains("after/before: 2.00 (one run, no interval), **slower than before**."),
        "{part}"
    );
    assert!(!part.contains("Nothing gets worse"));
}

#[test]
fn a_long_image_difference_is_cut() {
    let mut results = good();
    results.set_image(crate::results::ImageResult {
        same: false,
        real: 200,
        text: "differs\n".repeat(200),
        ..same_image()
    });
    let report = markdown(&results);
    let part = section(&report, "The image");
    assert_eq!(part.matches("differs\n").count(), MOST_IMAGE_LINES);
    assert!(part.contains("… and 140 lines more"), "{part}");
}

#[test]
fn the_terminal_table() {
    assert_eq!(
        terminal(&good()),
        "service. Network: 50mbit/20ms, shaped and counted.\n\
         \n\
         scenario      before   after  ratio  MB before  MB after\n\
         cold          50.0 s  49.0 s   0.98        200       200\n\
         unchanged      1.0 s   1.0 s   1.00          0         0\n\
         dependencies  21.0 s   4.5 s   0.21        100       1.0\n\
         system        41.0 s  10.5 s   0.26        150       2.0\n\
         \n\
         image: the same, 100 paths compared\n\
         \n\
         Worth merging: clearly faster where it counts, and the image stays the same.\n"
    );
}
