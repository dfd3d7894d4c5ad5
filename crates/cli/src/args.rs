//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Finds, fixes and proves `BuildKit` cache mounts.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    arg_required_else_help = true,
    args_override_self = true
)]
pub struct Args {
    /// When to use colour.
    #[arg(long, value_enum, default_value_t, global = true, value_name = "WHEN")]
    pub color: Color,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report what could be better in Dockerfiles.
    ///
    /// Exit code: 0 nothing found, 1 findings, 2 a file or an argument could not be used.
    Check(CheckArgs),
    /// Repair Dockerfiles in place.
    ///
    /// Safe fixes leave the build and the image what they are. Exit code: 0 nothing left, 1 findings left, 2 a file or an
    /// argument could not be used.
    Fix(FixArgs),
    /// Show a rule's page, or what is known of a package manager.
    Explain(ExplainArgs),
    /// Build before and after, and compare the images file by file.
    ///
    /// Exit code: 0 the images are the same, 1 they differ, 2 they could not be built or read.
    Verify(VerifyArgs),
    /// Measure before against after in the states that matter.
    ///
    /// Both variants are built from the same state, alternating, with cache mounts of the run's own, through a network whose
    /// bandwidth and latency are set. A scenario whose steps did not run as it means is reported as not measured.
    /// Exit code: 0 something was measured, 2 nothing could be.
    Bench(BenchArgs),
    /// The whole job: fix, measure, compare the images, report.
    ///
    /// The Dockerfile stays as it is unless `--write` is given. Exit code: 0 worth it, 1 not worth it or nothing to do,
    /// 2 could not be measured.
    Optimize(OptimizeArgs),
}

/// `check`
#[derive(Debug, ClapArgs)]
pub struct CheckArgs {
    /// Dockerfiles, or folders to search; `-` reads standard input.
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output_format: Format,
    /// Also list installs that were left alone although nothing was found in their file.
    #[arg(long)]
    pub show_left_alone: bool,
}

/// `fix`
#[derive(Debug, ClapArgs)]
pub struct FixArgs {
    /// Dockerfiles, or folders to search; `-` reads standard input and writes the result to standard output.
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Print what would change, and write nothing.
    #[arg(long)]
    pub diff: bool,
    /// Also apply fixes that rest on something the file does not say.
    #[arg(long = "unsafe")]
    pub unsafe_fixes: bool,
    /// How to print what is left.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output_format: Format,
}

/// `explain`
#[derive(Debug, ClapArgs)]
pub struct ExplainArgs {
    /// A rule (`missing-mount`) or a tool (`apt`); without it, both are listed.
    pub name: Option<String>,
}

/// What to build, and with what.
#[derive(Debug, ClapArgs)]
pub struct BuildArgs {
    /// A Dockerfile, or a folder with one.
    pub target: PathBuf,
    /// The build context; the Dockerfile's folder if not given.
    #[arg(long, value_name = "DIR")]
    pub context: Option<PathBuf>,
    /// The stage to build; the last one if not given.
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// A build argument.
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub arguments: Vec<String>,
    /// A named build context.
    #[arg(long = "build-context", value_name = "NAME=WHERE")]
    pub contexts: Vec<String>,
    /// The Dockerfile to hold against TARGET, instead of what `fix` makes of it.
    #[arg(long, value_name = "FILE")]
    pub after: Option<PathBuf>,
    /// Also apply fixes that rest on something the file does not say.
    #[arg(long = "unsafe")]
    pub unsafe_fixes: bool,
    /// The builder: a name among `docker buildx ls`, the address of a `buildkitd`, or `private` for an engine of our own.
    ///
    /// Without it, the current builder is used if it answers; else a private engine is started for the run and removed
    /// afterwards.
    #[arg(long, value_name = "BUILDER")]
    pub builder: Option<String>,
    /// An image to load into a private engine, as `docker save` writes it, where base images cannot be pulled.
    #[arg(long = "image-archive", value_name = "FILE")]
    pub image_archives: Vec<PathBuf>,
}

/// `verify`
#[derive(Debug, ClapArgs)]
pub struct VerifyArgs {
    /// What to build.
    #[command(flatten)]
    pub build: BuildArgs,
    /// Print the comparison as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How to measure.
#[derive(Debug, ClapArgs)]
pub struct MeasureArgs {
    /// The line that builds get, such as `50mbit/20ms` or `1gbit/5ms`; `as-is` shapes nothing.
    ///
    /// What a mount saves is downloads: a fast mirror next door hides it, a slow line flatters it. Measure with yours.
    #[arg(long, default_value = "50mbit/20ms", value_name = "LINE")]
    pub network: String,
    /// Repetitions of each scenario but the cold one.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub runs: usize,
    /// Repetitions of the cold scenario.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub cold_runs: usize,
    /// Only these scenarios: cold, unchanged, source, dependencies, system.
    #[arg(long = "scenario", value_name = "NAME")]
    pub scenarios: Vec<String>,
    /// Lines at which predictions are checked by one more build each; `none` for no check.
    #[arg(long = "check-network", value_name = "LINE")]
    pub check_networks: Vec<String>,
    /// What to change in a scenario: a file of the context by its content, or `touch:FILE` by its time alone.
    #[arg(long = "change", value_name = "SCENARIO=FILE")]
    pub changes: Vec<String>,
    /// Where `report.md` and `results.json` go.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `bench`
#[derive(Debug, ClapArgs)]
pub struct BenchArgs {
    /// What to build.
    #[command(flatten)]
    pub build: BuildArgs,
    /// How to measure.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// A Dockerfile under a name; two or more replace `before` and `after`.
    #[arg(long = "variant", value_name = "NAME=PATH")]
    pub variants: Vec<String>,
}

/// `optimize`
#[derive(Debug, ClapArgs)]
pub struct OptimizeArgs {
    /// What to build.
    #[command(flatten)]
    pub build: BuildArgs,
    /// How to measure.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Put the mounts into the Dockerfile if it is worth it.
    #[arg(long)]
    pub write: bool,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people, with source and repair.
    #[default]
    Human,
    /// One line a finding.
    Concise,
    /// For programs.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it the choice for everything that is printed.
    pub fn write_global(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}
