//! What the tests against a real engine share: permission to skip, a build context without a base image, leftovers.
#![allow(dead_code, reason = "each test program uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use cachemount_buildkit::{BuildError, BuildRecord, BuildRequest, Builder, EngineOptions, PrivateEngine, StepRecord};
use fs_err as fs;

/// Says that these tests may be skipped where no engine can be started. Without it they fail there.
const MAY_SKIP: &str = "CACHEMOUNT_SKIP_ENGINE_TESTS";

/// Programs of this machine that the test image consists of.
const PROGRAMS: [&str; 8] = ["sh", "cat", "ls", "mkdir", "sleep", "stat", "head", "true"];

/// Whether to leave a test, as was asked for.
#[allow(clippy::print_stdout, reason = "the test's reader must see that it proves nothing")]
pub fn skipped() -> bool {
    let skip = std::env::var_os(MAY_SKIP).is_some_and(|value| value == "1");
    if skip {
        println!("skipped, because {MAY_SKIP}=1");
    }
    skip
}

/// A private engine, or the end of the test.
pub fn engine() -> PrivateEngine {
    PrivateEngine::start(&EngineOptions::default())
        .unwrap_or_else(|error| panic!("no private engine: {error}\n(set {MAY_SKIP}=1 to do without these tests)"))
}

/// A folder with a Dockerfile and, beside it, the files of a tiny system taken from this machine.
pub struct Context {
    folder: tempfile::TempDir,
}

impl Context {
    /// The Dockerfile gets `FROM scratch` and the system's files in front.
    pub fn new(steps: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("rootfs");
        for program in PROGRAMS {
            copy_program(&root, program);
        }
        let context = Self { folder };
        context.write(steps);
        context
    }

    /// Replaces the steps.
    pub fn write(&self, steps: &str) {
        let text = format!("FROM scratch AS base\nCOPY rootfs/ /\nFROM base\nARG BUST=0\n{steps}\n");
        fs::write(self.folder.path().join("Dockerfile"), text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A build of it, with its layers from `BUST` on made new by another value.
    pub fn request(&self, namespace: &str, bust: &str) -> BuildRequest {
        BuildRequest {
            context: self.path().to_owned(),
            dockerfile: self.path().join("Dockerfile"),
            build_args: vec![("BUST".into(), bust.into())],
            mount_namespace: Some(namespace.into()),
            ..BuildRequest::default()
        }
    }
}

fn copy_program(root: &Path, name: &str) {
    let path = ["/bin", "/usr/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("this machine has no {name}"));
    put(root, &path, &Path::new("/bin").join(name));
    let libraries = Command::new("ldd").arg(&path).output().unwrap();
    for word in String::from_utf8_lossy(&libraries.stdout).split_whitespace() {
        if word.starts_with('/') {
            put(root, Path::new(word), Path::new(word));
        }
    }
}

fn put(root: &Path, from: &Path, to: &Path) {
    let to = root.join(to.strip_prefix("/").unwrap());
    if !to.exists() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// Builds and expects success.
pub fn build(builder: &dyn Builder, request: &BuildRequest) -> BuildRecord {
    match builder.build(request, &mut |_| {}) {
        Ok(record) => record,
        Err(BuildError::Failed { message, record }) => panic!("{message}\n{record:#?}"),
        Err(error) => panic!("{error}"),
    }
}

/// The one step whose name contains this.
pub fn step<'a>(record: &'a BuildRecord, part: &str) -> &'a StepRecord {
    let found: Vec<_> = record.steps.iter().filter(|step| step.name.contains(part)).collect();
    match found[..] {
        [step] => step,
        _ => panic!("{} steps name {part}: {:#?}", found.len(), record.steps),
    }
}

/// What an engine has outside of its folder, and what is left of it.
pub struct Traces {
    folder: PathBuf,
    id: String,
    processes: Vec<String>,
}

impl Traces {
    /// Of a running engine, by its folder.
    pub fn of(folder: &Path) -> Self {
        let id = folder
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("cachemount-engine-"))
            .unwrap()
            .to_owned();
        let mut traces = Self {
            folder: folder.to_owned(),
            id,
            processes: Vec::new(),
        };
        traces.processes = traces
            .groups()
            .iter()
            .flat_map(|group| processes_below(group))
            .collect();
        traces.processes.sort_unstable();
        traces.processes.dedup();
        traces
    }

    /// Processes in the engine's control groups when it ran: each by number and start, as numbers are used again.
    pub fn processes(&self) -> &[String] {
        &self.processes
    }

    /// Everything that is there now.
    pub fn present(&self) -> Vec<String> {
        let mut present = Vec::new();
        if self.folder.exists() {
            present.push(self.folder.display().to_string());
        }
        let bridge = format!("/sys/class/net/cm-{}", self.id);
        if Path::new(&bridge).exists() {
            present.push(bridge);
        }
        present.extend(self.groups().iter().map(|group| group.display().to_string()));
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let below = self.folder.display().to_string();
        present.extend(
            mounts
                .lines()
                .filter(|line| line.contains(&below))
                .map(|line| format!("mount {line}")),
        );
        present.extend(
            self.processes
                .iter()
                .filter(|process| {
                    let number = process.split(' ').next().unwrap();
                    identity(number).as_ref() == Some(process)
                })
                .map(|process| format!("process {process}")),
        );
        present
    }

    fn groups(&self) -> Vec<PathBuf> {
        let name = format!("cachemount-{}", self.id);
        fs::read_to_string("/proc/self/mounts")
            .unwrap()
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ').skip(1);
                let (mount, kind) = (fields.next()?, fields.next()?);
                let group = Path::new(mount).join(&name);
                (kind.starts_with("cgroup") && group.exists()).then_some(group)
            })
            .collect()
    }
}

fn processes_below(group: &Path) -> Vec<String> {
    let mut found: Vec<String> = fs::read_to_string(group.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(identity)
        .collect();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(processes_below(&entry.path()));
        }
    }
    found
}

/// Number and start of a living process; one that only waits to be waited for has ended.
fn identity(number: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    (fields.first() != Some(&"Z")).then(|| format!("{number} {}", fields[19]))
}

/// The one process for which this holds, given its number, name and arguments.
pub fn process(wanted: impl Fn(i32, &str, &str) -> bool) -> i32 {
    let found: Vec<i32> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_string_lossy().parse().ok()?;
            let read = |file| fs::read(entry.path().join(file)).ok();
            let name = String::from_utf8(read("comm")?).ok()?;
            let arguments = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ");
            wanted(number, name.trim_end(), &arguments).then_some(number)
        })
        .collect();
    match found[..] {
        [number] => number,
        _ => panic!("not one process but {found:?}"),
    }
}
