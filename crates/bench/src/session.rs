//! One run: a working copy, a network, and the states that builds leave behind.

mod prepare;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use cachemount_buildkit::{BuildError, BuildRecord, BuildRequest, Builder, Output};
use cachemount_lint::outline::StepKind;
use fs_err as fs;

use crate::comment::is_changeable;
use crate::graph::{TargetError, needed_stages};
use crate::instrument::{STATE_ARGUMENT, instrument};
use crate::network::{Network, Proxy, ProxyError};
use crate::pattern::{Ignore, source_takes};
use crate::progress::{Event, Progress};
use crate::scenario::{Change, Scenario};
use crate::subject::{Options, Subject, Variant};
use crate::verify::{self, CompareOptions, Comparison, VerifyError};
use crate::workcopy::{IGNORE_FILE, WorkCopy};

/// Why there is no benchmark. A build that fails is no such reason; see [`Outcome`](crate::results::Outcome).
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// One variant, or none.
    #[error("compare: at least two variants are needed, there {}", if *.0 == 1 { "is one" } else { "is none" })]
    TooFewVariants(usize),
    /// The stage to build is not there.
    #[error("build `{variant}`: failed to {source}")]
    Target {
        /// The variant.
        variant: String,
        /// What is missing.
        source: TargetError,
    },
    /// A file that was named for a scenario cannot be changed.
    #[error("change `{path}` for the scenario `{scenario}`: {reason}")]
    Change {
        /// The scenario.
        scenario: Scenario,
        /// The file as it was named.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The context cannot be copied, or a file of ours not be written.
    #[error("prepare the builds: {0}")]
    Io(#[from] io::Error),
    /// There is no network to measure in.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The builder's address for this machine is none.
    #[error("listen on the builder's address `{0}` of this machine")]
    Address(String),
    /// A build that was needed failed.
    #[error("build `{variant}`: {source}")]
    Build {
        /// The variant.
        variant: String,
        /// What the builder says.
        source: BuildError,
    },
    /// The images could not be compared.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Ctrl-C or a termination signal.
    #[error("interrupted")]
    Interrupted,
}

impl BenchError {
    /// It was the user who ended it.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        matches!(
            self,
            Self::Interrupted
                | Self::Build {
                    source: BuildError::Interrupted,
                    ..
                }
        )
    }
}

/// Layers and mounts that a build of a variant left behind.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// The value of the state argument: the layers.
    pub(crate) nonce: String,
    /// The namespace: the mounts.
    pub(crate) namespace: String,
}

/// A run in progress. Its mounts and its folder go when it is finished or dropped.
pub struct Bench<'a> {
    pub(crate) builder: &'a dyn Builder,
    pub(crate) subject: &'a Subject,
    pub(crate) variants: &'a [Variant],
    pub(crate) options: &'a Options,
    pub(crate) copy: WorkCopy,
    pub(crate) proxy: Option<Proxy>,
    proxy_arguments: Vec<(String, String)>,
    pub(crate) needed: Vec<BTreeSet<usize>>,
    ignore_text: Option<String>,
    /// The ignore file that builds use.
    pub(crate) ignore: Ignore,
    /// What to change in a scenario, as the caller wants it.
    pub(crate) changes: Vec<(Scenario, Change)>,
    pub(crate) states: Vec<Option<State>>,
    namespaces: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl std::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench")
            .field("builder", &self.builder.info())
            .field("subject", &self.subject.name)
            .field("namespaces", &self.namespaces)
            .finish_non_exhaustive()
    }
}

impl<'a> Bench<'a> {
    /// Copies the context and starts the network. Nothing is built yet.
    pub fn start(
        builder: &'a dyn Builder,
        subject: &'a Subject,
        variants: &'a [Variant],
        options: &'a Options,
    ) -> Result<Self, BenchError> {
        if variants.len() < 2 {
            return Err(BenchError::TooFewVariants(variants.len()));
        }
        let needed = variants
            .iter()
            .map(|variant| {
                needed_stages(&variant.outline, subject.target.as_deref()).map_err(|source| BenchError::Target {
                    variant: variant.name.clone(),
                    source,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let ignore_text = match &subject.ignore_file {
            Some(path) => Some(fs::read_to_string(path)?),
            None => None,
        };
        let of_context = || fs::read_to_string(subject.context.join(IGNORE_FILE)).ok();
        let ignore = Ignore::parse(&ignore_text.clone().or_else(of_context).unwrap_or_default());
        let with_git = takes_git(variants, &needed);
        let copy = WorkCopy::of(&subject.context, &ignore, with_git).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                BenchError::Interrupted
            } else {
                BenchError::Io(error)
            }
        })?;
        let changes = given_changes(&copy, options)?;
        let mut notes = Vec::new();
        let mut proxy_arguments = Vec::new();
        let proxy = if let Some(host) = builder.info().host_address {
            let address: IpAddr = host.parse().map_err(|_| BenchError::Address(host.clone()))?;
            let proxy = Proxy::start(address, options.network)?;
            proxy_arguments = proxy.build_args(&host);
            Some(proxy)
        } else {
            notes.push(
                "Build steps of this builder cannot reach this machine: the network is as it is, downloads are not \
                 counted, and nothing is predicted for other bandwidths."
                    .to_owned(),
            );
            None
        };
        Ok(Self {
            builder,
            subject,
            variants,
            options,
            copy,
            proxy,
            proxy_arguments,
            needed,
            ignore_text,
            ignore,
            changes,
            states: vec![None; variants.len()],
            namespaces: Vec::new(),
            notes,
        })
    }

    /// The line that builds have.
    pub(crate) fn network(&self) -> Network {
        match self.proxy {
            Some(_) => self.options.network,
            None => Network::AS_IS,
        }
    }

    /// A state that no build was made in: no layers of `RUN` steps, no mounts.
    pub(crate) fn fresh_state(&mut self, variant: usize, mark: &str) -> State {
        let run = self.options.run_id();
        let state = State {
            nonce: format!("{run}-{variant}-{mark}"),
            namespace: format!("cachemount-{run}-{variant}-{mark}"),
        };
        self.namespaces.push(state.namespace.clone());
        state
    }

    /// Removes the mounts of a state that nothing starts from any more.
    pub(crate) fn drop_state(&mut self, variant: usize) {
        if let Some(state) = self.states[variant].take()
            && self.builder.prune_mounts(&state.namespace).is_ok()
        {
            self.namespaces.retain(|kept| *kept != state.namespace);
        }
    }

    /// The request of a variant's build in a state. `package` is inserted at an offset of the variant's text.
    pub(crate) fn request(
        &self,
        variant: usize,
        state: &State,
        package: Option<(usize, &str)>,
        output: Output,
    ) -> io::Result<BuildRequest> {
        let chosen = &self.variants[variant];
        let text = instrument(&chosen.dockerfile, &chosen.outline, package);
        let dockerfile = self.write_dockerfile(&format!("variant-{variant}"), &text)?;
        let mut build_args = self.subject.build_args.clone();
        build_args.push((STATE_ARGUMENT.to_owned(), state.nonce.clone()));
        build_args.extend(self.proxy_arguments.iter().cloned());
        Ok(BuildRequest {
            context: self.copy.context(),
            dockerfile,
            target: self.subject.target.clone(),
            build_args,
            build_contexts: self.subject.build_contexts.clone(),
            mount_namespace: Some(state.namespace.clone()),
            output,
        })
    }

    /// Writes a Dockerfile beside the context, in a folder of its own, since its ignore file goes by its name.
    fn write_dockerfile(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let folder = self.copy.around().join(name);
        fs::create_dir_all(&folder)?;
        if let Some(ignore) = &self.ignore_text {
            fs::write(folder.join("Dockerfile.dockerignore"), ignore)?;
        }
        let path = folder.join("Dockerfile");
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Runs a build and passes its steps on.
    pub(crate) fn build(&self, request: &BuildRequest, progress: &mut dyn Progress) -> Result<BuildRecord, BuildError> {
        if cachemount_buildkit::interrupt::requested() {
            return Err(BuildError::Interrupted);
        }
        self.builder.build(request, &mut |event| {
            progress.event(Event::Step(event));
        })
    }

    /// Compares the images of two variants file by file: that of the first from the layers there are, that of the second
    /// from steps that all run again with warm mounts.
    ///
    /// The mounts of the second are known to the comparison unless the options name some.
    pub fn verify(
        &mut self,
        before: usize,
        after: usize,
        options: &CompareOptions,
        progress: &mut dyn Progress,
    ) -> Result<Comparison, BenchError> {
        let mut archives = Vec::new();
        for variant in [before, after] {
            let name = self.variants[variant].name.clone();
            progress.event(Event::Working(&format!("exporting the image of `{name}`")));
            let mut state = if let Some(state) = &self.states[variant] {
                state.clone()
            } else {
                let state = self.fresh_state(variant, "verify");
                self.states[variant] = Some(state.clone());
                if variant == after {
                    // Fills the mounts.
                    let request = self.request(variant, &state, None, Output::CacheOnly)?;
                    self.build(&request, progress).map_err(|source| BenchError::Build {
                        variant: name.clone(),
                        source,
                    })?;
                }
                state
            };
            if variant == after {
                // The image that matters is the one that warm mounts give: every step runs once more with them.
                state.nonce.push_str("-warm");
            }
            let archive = self.copy.around().join(format!("image-{variant}.tar"));
            let request = self.request(variant, &state, None, Output::ImageArchive(archive.clone()))?;
            self.build(&request, progress)
                .map_err(|source| BenchError::Build { variant: name, source })?;
            archives.push(archive);
        }
        progress.event(Event::Working("comparing the images"));
        let mut options = options.clone();
        if options.mount_targets.is_empty() {
            (options.mount_targets, options.cache_targets) = self.mount_targets(after);
        }
        let compared = verify::compare_archives(&archives[0], &archives[1], &options);
        for archive in &archives {
            // Gigabytes that nobody needs any more; what is left goes with the folder.
            let _ = fs::remove_file(archive);
        }
        Ok(compared?)
    }

    /// The mount points of a variant, and of these the ones that a package manager is known to cache in.
    fn mount_targets(&self, variant: usize) -> (Vec<String>, Vec<String>) {
        let places = crate::look::places(&self.variants[variant].outline, &self.needed[variant]);
        let all = places.iter().map(|place| place.mount.target.clone()).collect();
        let known = places.into_iter().filter(|place| place.mount.tool.is_some());
        (all, known.map(|place| place.mount.target).collect())
    }

    /// Removes every mount of this run from the builder and the working copy from the disk; the bytes that the builder
    /// freed.
    pub fn finish(mut self) -> Result<u64, BuildError> {
        self.clean_up()
    }

    fn clean_up(&mut self) -> Result<u64, BuildError> {
        let mut freed = 0;
        let mut first_error = None;
        for namespace in std::mem::take(&mut self.namespaces) {
            match self.builder.prune_mounts(&namespace) {
                Ok(bytes) => freed += bytes,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(freed), Err)
    }

    /// The folder around the working copy.
    pub(crate) fn around(&self) -> &Path {
        self.copy.around()
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        // The way of an error or an interruption; `finish` tells of failures.
        let _ = self.clean_up();
    }
}

/// Builds two variants and compares their images, without measuring anything.
pub fn verify_variants(
    builder: &dyn Builder,
    subject: &Subject,
    before: &Variant,
    after: &Variant,
    options: &CompareOptions,
    progress: &mut dyn Progress,
) -> Result<Comparison, BenchError> {
    let variants = [before.clone(), after.clone()];
    let settings = Options::default();
    let mut bench = Bench::start(builder, subject, &variants, &settings)?;
    let compared = bench.verify(0, 1, options, progress);
    let cleaned = bench.finish();
    let compared = compared?;
    cleaned.map_err(|source| BenchError::Build {
        variant: after.name.clone(),
        source,
    })?;
    Ok(compared)
}

/// The changes that the caller asks for, their paths as the working copy has them.
fn given_changes(copy: &WorkCopy, options: &Options) -> Result<Vec<(Scenario, Change)>, BenchError> {
    let mut changes = options.changes.clone();
    for (scenario, change) in &mut changes {
        let (path, content) = match change {
            Change::Content { path } => (path, true),
            Change::Touch { path } => (path, false),
            Change::Nothing | Change::Package { .. } => continue,
        };
        let refused =
            matches!(scenario, Scenario::Cold | Scenario::Unchanged).then_some("nothing is changed in this scenario");
        let found = refused.map_or(Ok(()), Err).and_then(|()| copy.file(path));
        let found = found.and_then(|found| {
            if content && !is_changeable(found) {
                return Err("it is not known how to give such a file new content of the same meaning");
            }
            Ok(found.to_owned())
        });
        *path = found.map_err(|reason| BenchError::Change {
            scenario: *scenario,
            path: path.clone(),
            reason,
        })?;
    }
    Ok(changes)
}

/// Whether a step takes the repository itself, which the working copy else leaves out.
fn takes_git(variants: &[Variant], needed: &[BTreeSet<usize>]) -> bool {
    let takes_it = |source: &String| {
        let inside = source.trim_start_matches("./").starts_with(".git/");
        inside || source_takes(source, ".git")
    };
    variants
        .iter()
        .zip(needed)
        .flat_map(|(variant, needed)| needed.iter().map(|stage| &variant.outline.stages[*stage]))
        .flat_map(|stage| &stage.steps)
        .any(|step| match &step.kind {
            StepKind::Copy(copy) => copy.from.is_none() && copy.sources.iter().any(takes_it),
            StepKind::Run(run) => run.reads.iter().any(takes_it),
            StepKind::Other(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::parse;

    #[test]
    fn the_repository_is_copied_where_a_step_takes_it() {
        for (steps, taken) in [
            ("COPY . .\n", true),
            ("COPY ./ /app/\n", true),
            ("COPY .git/HEAD /app/\n", true),
            ("COPY .git /app/\n", true),
            ("COPY src /app/\n", false),
            ("COPY --from=x . .\n", false),
            ("COPY src .\nFROM i\nCOPY . .\n", true),
            ("COPY . .\nFROM i\nCOPY src .\n", false),
        ] {
            let variant = Variant {
                outline: parse(&format!("FROM i\n{steps}")),
                ..Variant::default()
            };
            let needed = needed_stages(&variant.outline, None).unwrap();
            assert_eq!(takes_git(&[variant], &[needed]), taken, "{steps}");
        }
    }
}
