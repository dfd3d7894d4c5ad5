//! What `verify`, `bench` and `optimize` share: the target, its two Dockerfiles, and the builder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cachemount_buildkit::builder::Builder;
use cachemount_buildkit::discover::{Choice, Discovery, Found, discover};
use cachemount_lint::knowledge::Knowledge;
use cachemount_lint::{Applied, FixOptions, Report};

use crate::args::BuildArgs;
use crate::output::count;

/// The target: where it is, and its text before and after.
pub struct Target {
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// The build context.
    pub context: PathBuf,
    /// The Dockerfile as it is.
    pub before: String,
    /// What it is held against.
    pub after: String,
    /// The fixes between them; none if the user gave both files.
    pub applied: Vec<Applied>,
    /// What is left after the fixes.
    pub report: Report,
    /// `NAME=VALUE` pairs.
    pub build_args: Vec<(String, String)>,
    /// Named contexts.
    pub build_contexts: Vec<(String, String)>,
}

impl Target {
    /// Reads the files that the arguments name, and fixes the Dockerfile if no other is given.
    pub fn read(args: &BuildArgs) -> Result<Self> {
        let dockerfile = find_dockerfile(&args.target)?;
        let context = match &args.context {
            Some(context) => context.clone(),
            None => dockerfile.parent().map_or_else(PathBuf::new, Path::to_path_buf),
        };
        let context = if context.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            context
        };
        if !context.is_dir() {
            bail!("use `{}` as the build context: it is not a folder", context.display());
        }
        let before = read_text(&dockerfile)?;
        let knowledge = Knowledge::builtin();
        let (after, applied, report) = match &args.after {
            Some(path) => {
                let after = read_text(path)?;
                let report = cachemount_lint::check(after.as_bytes(), knowledge);
                (after, Vec::new(), report)
            }
            None => {
                let options = FixOptions {
                    unsafe_fixes: args.unsafe_fixes,
                };
                let fixed = cachemount_lint::fix(before.as_bytes(), knowledge, &options)
                    .with_context(|| format!("fix {}", dockerfile.display()))?;
                let after = String::from_utf8(fixed.source).context("read the fixed Dockerfile")?;
                (after, fixed.applied, fixed.report)
            }
        };
        Ok(Self {
            dockerfile,
            context,
            before,
            after,
            applied,
            report,
            build_args: pairs(&args.arguments, "--build-arg")?,
            build_contexts: pairs(&args.contexts, "--build-context")?,
        })
    }

    /// Whether there is anything to compare.
    pub fn changed(&self) -> bool {
        self.before != self.after
    }
}

fn find_dockerfile(target: &Path) -> Result<PathBuf> {
    if target.is_dir() {
        for name in ["Dockerfile", "Containerfile", "dockerfile"] {
            let path = target.join(name);
            if path.is_file() {
                return Ok(path);
            }
        }
        bail!(
            "find a Dockerfile in `{}`; name the file itself if it is called otherwise",
            target.display()
        );
    }
    if !target.exists() {
        let text = target.to_string_lossy();
        if let Some((file, service)) = text.rsplit_once(':').filter(|(file, _)| Path::new(file).is_file()) {
            bail!(
                "use service `{service}` of `{file}`: compose and bake files are not supported yet; name the Dockerfile and its `--context`"
            );
        }
        bail!("read `{}`: there is no such file or folder", target.display());
    }
    Ok(target.to_path_buf())
}

fn read_text(path: &Path) -> Result<String> {
    let bytes = fs_err::read(path)?;
    String::from_utf8(bytes).with_context(|| format!("read `{}`: building it needs UTF-8 text", path.display()))
}

fn pairs(texts: &[String], option: &str) -> Result<Vec<(String, String)>> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            // As docker does: without a value, the variable of this name.
            None if option == "--build-arg" => match std::env::var(text) {
                Ok(value) => Ok((text.clone(), value)),
                Err(_) => bail!("read `{option} {text}`: give it as NAME=VALUE, or set the variable `{text}`"),
            },
            None => bail!("read `{option} {text}`: give it as NAME=VALUE"),
        })
        .collect()
}

/// Finds or starts a builder and loads the archives into it.
pub fn builder(args: &BuildArgs) -> Result<Found> {
    for archive in &args.image_archives {
        if !archive.is_file() {
            bail!("load `{}`: there is no such file", archive.display());
        }
    }
    let choice = match args.builder.as_deref() {
        Some(text) => Choice::parse(text),
        // Archives are for a private engine: the user's own gets no images from us.
        None if !args.image_archives.is_empty() => Choice::Private,
        None => Choice::Any,
    };
    let found = discover(&Discovery {
        choice,
        ..Discovery::default()
    })
    .context("find a builder")?;
    match found.private() {
        Some(engine) => {
            anstream::eprintln!("started a private engine ({})", found.info().version);
            if !args.image_archives.is_empty() {
                engine.load_images(&args.image_archives).context("load the images")?;
                anstream::eprintln!("loaded {}", count(args.image_archives.len(), "image"));
            }
        }
        None => {
            if !args.image_archives.is_empty() {
                bail!(
                    "load images: `--image-archive` is for a private engine; load them into your own builder yourself"
                );
            }
            let info = found.info();
            anstream::eprintln!("builder {} ({}, {})", info.name, info.driver, info.version);
        }
    }
    Ok(found)
}
