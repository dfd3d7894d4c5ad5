//! `cachemount verify`

use anyhow::{Context, Result};
use cachemount_bench::verify::CompareOptions;
use cachemount_bench::verify_variants;
use cachemount_buildkit::interrupt;

use crate::Outcome;
use crate::args::VerifyArgs;
use crate::measuring;
use crate::progress::Shown;
use crate::session::{self, Target};

/// Builds both variants and compares their images.
pub fn run(options: &VerifyArgs) -> Result<Outcome> {
    let target = Target::read(&options.build)?;
    if !target.changed() {
        anstream::eprintln!("nothing to compare: the two Dockerfiles are the same");
        return Ok(Outcome::Good);
    }
    interrupt::install().context("watch for signals")?;
    let builder = session::builder(&options.build)?;
    let subject = measuring::subject(&target, &options.build);
    let comparison = {
        let mut shown = Shown::new();
        verify_variants(
            &builder,
            &subject,
            &measuring::variant("before", &target.before),
            &measuring::variant("after", &target.after),
            &CompareOptions::default(),
            &mut shown,
        )?
    };
    if options.json {
        anstream::println!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        anstream::println!("{}", comparison.to_text().trim_end());
    }
    Ok(if comparison.same() {
        Outcome::Good
    } else {
        Outcome::Findings
    })
}
