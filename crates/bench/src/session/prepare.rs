//! What is brought to the builder before anything is measured.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cachemount_buildkit::{BuildError, BuildRequest, Output};
use cachemount_lint::outline::StepKind;

use super::{Bench, BenchError};
use crate::graph::images;
use crate::progress::{Event, Progress};
use crate::subject::Variant;

const IMAGES: &str = "cachemount-images";
const CONTEXT: &str = "cachemount-context";

impl Bench<'_> {
    /// Brings to the builder what no variant's measured build should have to fetch: base images, the Dockerfile
    /// frontend, the build context.
    pub(crate) fn prepare(&mut self, progress: &mut dyn Progress) -> Result<(), BenchError> {
        progress.event(Event::Working("fetching base images"));
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        let mut whole_context = false;
        for (variant, needed) in self.variants.iter().zip(&self.needed) {
            let (some, others) = images(&variant.outline, needed);
            known.extend(some);
            unknown.extend(others);
            whole_context |= takes_whole_context(variant, needed);
        }
        for list in [&mut known, &mut unknown] {
            list.sort();
            list.dedup();
        }
        for written in unknown {
            self.notes.push(format!(
                "The image `{written}` is not known without the build's arguments: the first cold build may have fetched \
                 it outside the measured network."
            ));
        }
        for directive in frontends(self.variants) {
            let text = preparation(&directive, &known);
            let targets = [(!known.is_empty(), IMAGES), (whole_context, CONTEXT)];
            for (_, target) in targets.into_iter().filter(|(wanted, _)| *wanted) {
                let request = BuildRequest {
                    context: self.copy.context(),
                    dockerfile: self.write_dockerfile("prepare", &text)?,
                    target: Some(target.to_owned()),
                    build_args: Vec::new(),
                    build_contexts: self.subject.build_contexts.clone(),
                    mount_namespace: None,
                    output: Output::CacheOnly,
                };
                match self.build(&request, progress) {
                    Ok(_) => {}
                    Err(BuildError::Interrupted) => return Err(BenchError::Interrupted),
                    Err(error) => self.notes.push(format!(
                        "Base images could not be fetched before the first build, whose time may hold it: {error}"
                    )),
                }
            }
        }
        Ok(())
    }
}

/// The Dockerfile that fetches base images and sends the context. `WORKDIR` makes a folder, for which the image must be
/// there and unpacked, and needs nothing of the image.
fn preparation(directive: &str, images: &[String]) -> String {
    let mut text = directive.to_owned();
    for (number, image) in images.iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "FROM {image} AS cachemount-image-{number}\nWORKDIR /cachemount-ready\n"
        );
    }
    let _ = writeln!(text, "FROM scratch AS {IMAGES}");
    for number in 0..images.len() {
        let _ = writeln!(
            text,
            "COPY --from=cachemount-image-{number} /cachemount-ready /{number}"
        );
    }
    let _ = write!(text, "FROM scratch AS {CONTEXT}\nCOPY . /\n");
    text
}

/// The `# syntax=` lines of the variants, each once; the empty text where there is none.
fn frontends(variants: &[Variant]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for variant in variants {
        let first = variant.dockerfile.lines().next().unwrap_or_default();
        let squashed: String = first.split_whitespace().collect();
        let directive = if squashed.to_lowercase().starts_with("#syntax=") {
            format!("{}\n", first.trim())
        } else {
            String::new()
        };
        if !found.contains(&directive) {
            found.push(directive);
        }
    }
    found
}

fn takes_whole_context(variant: &Variant, needed: &BTreeSet<usize>) -> bool {
    needed
        .iter()
        .flat_map(|stage| &variant.outline.stages[*stage].steps)
        .any(|step| match &step.kind {
            StepKind::Copy(copy) => copy.from.is_none() && copy.sources.iter().any(|s| s == "."),
            StepKind::Run(run) => run.reads.iter().any(|path| path == "."),
            StepKind::Other(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preparation_needs_nothing_of_an_image() {
        assert_eq!(
            preparation("# syntax=docker/dockerfile:1\n", &["a".into(), "b".into()]),
            "# syntax=docker/dockerfile:1\n\
             FROM a AS cachemount-image-0\nWORKDIR /cachemount-ready\n\
             FROM b AS cachemount-image-1\nWORKDIR /cachemount-ready\n\
             FROM scratch AS cachemount-images\n\
             COPY --from=cachemount-image-0 /cachemount-ready /0\n\
             COPY --from=cachemount-image-1 /cachemount-ready /1\n\
             FROM scratch AS cachemount-context\nCOPY . /\n"
        );
    }
}
