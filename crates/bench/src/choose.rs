//! What to change in each scenario, chosen from the Dockerfiles and the context's files. The same input gives the same
//! choice.

use cachemount_lint::outline::{Install, Outline, StepKind};

use crate::comment::{is_source, manifest};
use crate::expect::{Effect, Expected, expect, reads};
use crate::graph::{needed_stages, runs};
use crate::pattern::Ignore;
use crate::scenario::{Change, PackagePlace, Scenario};
use crate::subject::Variant;

/// Larger files are no source code.
const LARGEST_SOURCE: u64 = 1 << 20;

/// Small packages without dependencies worth a word, which nothing else needs.
const PACKAGES: [&str; 10] = [
    "less", "file", "tree", "patch", "zip", "bc", "rsync", "time", "dos2unix", "psmisc",
];

/// A regular file of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Relative to the context, with `/`.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
}

/// What to choose from.
#[derive(Debug, Clone, Copy)]
pub struct Choices<'a> {
    /// The Dockerfiles.
    pub variants: &'a [Variant],
    /// The stage that is built.
    pub target: Option<&'a str>,
    /// The context's files.
    pub files: &'a [ContextFile],
    /// The ignore file that the build uses.
    pub ignore: &'a Ignore,
}

impl Choices<'_> {
    /// The change of a scenario, or why it does not apply here.
    pub fn change(&self, scenario: Scenario) -> Result<Change, String> {
        match scenario {
            Scenario::Cold | Scenario::Unchanged => Ok(Change::Nothing),
            Scenario::Source => self.source().map(|path| Change::Content { path }),
            Scenario::Dependencies => self.dependencies().map(|path| Change::Content { path }),
            Scenario::System => self.system(),
        }
    }

    fn outlines(&self) -> impl Iterator<Item = &Outline> {
        self.variants.iter().map(|variant| &variant.outline)
    }

    /// The context's files but those of the repository itself, whose names may be anything.
    fn project_files(&self) -> impl Iterator<Item = &ContextFile> {
        self.files.iter().filter(|file| !file.path.starts_with(".git/"))
    }

    /// A step of every variant reads the file.
    fn read_by_all(&self, path: &str) -> bool {
        self.outlines().all(|outline| {
            needed_stages(outline, self.target).is_ok_and(|needed| {
                let mut steps = needed.iter().flat_map(|stage| &outline.stages[*stage].steps);
                steps.any(|step| reads(&step.kind, path))
            })
        })
    }

    /// Some project install must run when the file changes, in every variant (`all`) or in any.
    fn installs_again(&self, path: &str, outline: &Outline) -> bool {
        let effect = Effect::File(path.to_owned());
        expect(outline, self.target, &effect).is_ok_and(|steps| {
            steps.iter().any(|(place, expected)| {
                let step = &outline.stages[place.stage].steps[place.step];
                *expected == Expected::MustRun
                    && matches!(&step.kind, StepKind::Run(run) if run.installs.iter().any(|install| !install.system))
            })
        })
    }

    fn source(&self) -> Result<String, String> {
        let readable = self.project_files().filter(|file| {
            is_source(&file.path)
                && file.bytes <= LARGEST_SOURCE
                && !self.ignore.excludes(&file.path)
                && self.read_by_all(&file.path)
        });
        readable
            .min_by_key(|file| {
                let installs = self.outlines().any(|outline| self.installs_again(&file.path, outline));
                (installs, preference(&file.path))
            })
            .map(|file| file.path.clone())
            .ok_or_else(|| "no source file of a known kind is copied from the build context".to_owned())
    }

    fn dependencies(&self) -> Result<String, String> {
        let mut candidates: Vec<_> = self
            .project_files()
            .filter_map(|file| Some((manifest(&file.path)?, file)))
            .filter(|(_, file)| !self.ignore.excludes(&file.path))
            .filter(|(_, file)| self.outlines().all(|outline| self.installs_again(&file.path, outline)))
            .collect();
        candidates.sort_by_key(|(manifest, file)| {
            (
                !manifest.changeable,
                manifest.rank,
                file.path.matches('/').count(),
                file.path.clone(),
            )
        });
        match candidates.first() {
            None => Err("no step installs what a manifest or lock file of the build context names".to_owned()),
            Some((manifest, file)) if !manifest.changeable => Err(format!(
                "`{}` cannot be given new content of the same meaning",
                file.path
            )),
            Some((_, file)) => Ok(file.path.clone()),
        }
    }

    fn system(&self) -> Result<Change, String> {
        let mut steps = Vec::new();
        let mut taken: Vec<&str> = Vec::new();
        for outline in self.outlines() {
            let needed = needed_stages(outline, self.target).map_err(|error| format!("failed to {error}"))?;
            let mut best: Option<(usize, PackagePlace)> = None;
            for (step, run) in runs(outline, &needed) {
                for install in run.installs.iter().filter(|install| install.system) {
                    taken.extend(install.packages.iter().map(String::as_str));
                    if let Some(offset) = install.packages_end {
                        let size = install.packages.len();
                        // The longest list: where one adds a package in practice.
                        if best.is_none_or(|(largest, _)| size > largest) {
                            best = Some((size, PackagePlace { step, offset }));
                        }
                    }
                }
            }
            let (_, place) =
                best.ok_or_else(|| "no step names system packages in a way that another can be added to".to_owned())?;
            steps.push(place);
        }
        let packages: Vec<String> = PACKAGES
            .iter()
            .filter(|package| !taken.contains(package))
            .map(|package| (*package).to_owned())
            .collect();
        if packages.is_empty() {
            return Err("every package that could be added is there already".to_owned());
        }
        Ok(Change::Package { steps, packages })
    }
}

/// Smaller comes first: the names of a program's entry, then code that is no test, then short paths.
fn preference(path: &str) -> (bool, bool, usize, usize, &str) {
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let entry = ["main", "app", "index", "server", "wsgi", "asgi", "cli"].contains(&stem.as_str());
    let hidden_or_test = |part: &&str| part.starts_with('.') || part.starts_with("test");
    let aside = parts.iter().any(hidden_or_test)
        || stem.starts_with("test")
        || stem.ends_with("test")
        || name.contains("config");
    let prose = is_prose(name);
    (aside || prose, !entry, parts.len(), path.len(), path)
}

/// Settings and texts are copied too, but nobody calls them code.
fn is_prose(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["md", "yaml", "yml", "toml", "cfg", "conf", "ini", "html"].contains(&ending)
}

/// Whether a step installs anything.
#[must_use]
pub fn installs(kind: &StepKind) -> &[Install] {
    match kind {
        StepKind::Run(run) => &run.installs,
        StepKind::Copy(_) | StepKind::Other(_) => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::parse;
    use crate::graph::StepRef;

    const BEFORE: &str = "FROM python\nRUN apt-get install git tree\nCOPY pyproject.toml uv.lock ./\nRUN uv sync\n\
                          COPY . .\n";

    fn variants(texts: &[&str]) -> Vec<Variant> {
        texts
            .iter()
            .map(|text| Variant {
                name: String::new(),
                dockerfile: (*text).to_owned(),
                outline: parse(text),
            })
            .collect()
    }

    fn files(paths: &[&str]) -> Vec<ContextFile> {
        paths
            .iter()
            .map(|path| ContextFile {
                path: (*path).to_owned(),
                bytes: 10,
            })
            .collect()
    }

    fn choose(texts: &[&str], paths: &[&str], ignore: &str, scenario: Scenario) -> Result<Change, String> {
        Choices {
            variants: &variants(texts),
            target: None,
            files: &files(paths),
            ignore: &Ignore::parse(ignore),
        }
        .change(scenario)
    }

    fn content(path: &str) -> Change {
        Change::Content { path: path.to_owned() }
    }

    #[test]
    fn the_lock_file_and_the_entry() {
        let paths = [
            "README.md",
            "pyproject.toml",
            "tests/main.py",
            "web/uv.lock",
            "uv.lock",
            "lib/deep/app.py",
            "src/main.py",
            "a.py",
        ];
        let say = |ignore: &str, scenario| choose(&[BEFORE, BEFORE], &paths, ignore, scenario);
        assert_eq!(say("", Scenario::Dependencies), Ok(content("uv.lock")));
        assert_eq!(say("uv.lock", Scenario::Dependencies), Ok(content("pyproject.toml")));
        assert_eq!(say("", Scenario::Source), Ok(content("src/main.py")));
        assert_eq!(say("src", Scenario::Source), Ok(content("lib/deep/app.py")));
        assert_eq!(say("**/*.py", Scenario::Source), Ok(content("README.md")));
        assert!(say("*", Scenario::Source).is_err());
    }

    #[test]
    fn a_file_behind_the_last_install_is_preferred() {
        let text = "FROM a\nCOPY early ./\nRUN uv sync\nCOPY late ./\n";
        let paths = ["early/main.py", "late/x.py"];
        assert_eq!(choose(&[text], &paths, "", Scenario::Source), Ok(content("late/x.py")));
        let text = "FROM a\nCOPY . .\nRUN uv sync\n";
        assert_eq!(
            choose(&[text], &paths, "", Scenario::Source),
            Ok(content("early/main.py"))
        );
    }

    #[test]
    fn nothing_to_install_is_a_reason() {
        let reason = choose(&["FROM a\nCOPY . .\n"], &["uv.lock"], "", Scenario::Dependencies);
        assert!(reason.unwrap_err().contains("no step installs"));
        let reason = choose(&["FROM a\nRUN uv sync\n"], &[], "", Scenario::System);
        assert!(reason.unwrap_err().contains("system packages"));
        let sealed = choose(
            &["FROM a\nCOPY Gemfile.lock ./\nRUN uv sync\n"],
            &["Gemfile.lock"],
            "",
            Scenario::Dependencies,
        );
        assert!(sealed.unwrap_err().contains("Gemfile.lock"));
    }

    #[test]
    fn a_package_that_is_not_there_yet() {
        let after = BEFORE.replace("RUN apt-get", "RUN --mount=type=cache,id=x,target=/x apt-get");
        let Ok(Change::Package { steps, packages }) = choose(&[BEFORE, &after], &[], "", Scenario::System) else {
            panic!("a package");
        };
        let step = StepRef { stage: 0, step: 0 };
        assert_eq!((steps[0].step, steps[1].step), (step, step));
        assert!(steps[1].offset > steps[0].offset);
        assert!(!packages.contains(&"tree".to_owned()));
        assert_eq!(packages[..2], ["less", "file"]);
    }
}
