//! What `fix` makes of the example fleet, service by service.

mod support;

use support::{Run, SERVICES, fleet};

#[test]
fn fix_of_the_fleet() {
    for service in SERVICES {
        let source = std::fs::read_to_string(fleet().join(service).join("Dockerfile")).expect("a Dockerfile");
        let outcome = Run::new(&["fix", "Dockerfile"])
            .file("Dockerfile", &source)
            .go()
            .expect(0);
        insta::assert_snapshot!(service, outcome.read("Dockerfile"));
        let again = Run::new(&["fix", "--diff", "Dockerfile"])
            .file("Dockerfile", outcome.read("Dockerfile"))
            .go()
            .expect(0);
        assert_eq!(again.stdout, "", "{service}: a second run changes nothing");
    }
}
