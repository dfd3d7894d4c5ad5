//! Runs the client program: `docker`, in a process group of its own, so that Ctrl-C is ours to handle.

mod watch;

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;

use crate::builder::ClientUsage;
use crate::error::BuildError;
use crate::interrupt;

/// How often running clients are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long an interrupted client may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// How long output may still come after the client's end, from processes it left behind.
const AFTERMATH: Duration = Duration::from_secs(2);
/// How long a question to a builder may take.
pub(crate) const QUESTION: Duration = Duration::from_secs(20);

/// Variables that change what a build yields, or which builder it uses, behind the caller's back.
const KEPT_FROM_CLIENT: [&str; 9] = [
    "BUILDX_BUILDER",
    "BUILDX_EXPERIMENTAL",
    "BUILDX_METADATA_PROVENANCE",
    "BUILDKIT_PROGRESS",
    "BUILDKIT_COLORS",
    "DOCKER_BUILDKIT",
    "DOCKER_DEFAULT_PLATFORM",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "SOURCE_DATE_EPOCH",
];

/// Which client program, and which daemon and builder it is pointed at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    /// The program; `docker` from the search path if `None`.
    pub(crate) program: Option<PathBuf>,
    /// The daemon's address, instead of the user's current one.
    pub(crate) host: Option<String>,
    /// The name of the daemon's context, instead of the user's current one.
    pub(crate) context: Option<String>,
    /// A folder for the builder definitions, instead of the user's.
    pub(crate) config: Option<PathBuf>,
    /// The builder's name; the current one if `None`.
    pub(crate) builder: Option<String>,
}

impl Client {
    pub(crate) fn program(&self) -> &Path {
        self.program.as_deref().unwrap_or(Path::new("docker"))
    }

    /// `docker ARGUMENTS`, with the daemon chosen.
    pub(crate) fn docker<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(self.program());
        command.args(arguments);
        for name in KEPT_FROM_CLIENT {
            command.env_remove(name);
        }
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
            for name in ["DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
                command.env_remove(name);
            }
        }
        if let Some(context) = &self.context {
            command.env("DOCKER_CONTEXT", context);
            // It would win over any context, and it is what the one named `default` means.
            if context != "default" {
                command.env_remove("DOCKER_HOST");
            }
        }
        if let Some(config) = &self.config {
            command.env("BUILDX_CONFIG", config);
        }
        command
    }

    /// `docker buildx SUBCOMMAND --builder NAME`.
    pub(crate) fn buildx(&self, subcommand: &str) -> Command {
        let mut command = self.docker(&["buildx", subcommand]);
        if let Some(builder) = &self.builder {
            command.arg("--builder").arg(builder);
        }
        command
    }
}

/// How a client's run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) cause: Cause,
    pub(crate) stdout: Vec<u8>,
    pub(crate) wall: Duration,
    pub(crate) usage: ClientUsage,
}

/// Why a client's run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// By itself.
    Itself,
    /// We ended it, after a signal to us.
    Interrupted,
    /// We ended it, because it took too long.
    TimeLimit,
}

enum Chunk {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// Which signals to us end a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heed {
    /// The first one.
    First,
    /// Only a second one: the client tidies up after us, which the first one must not prevent.
    Second,
}

impl Heed {
    fn must_end(self) -> bool {
        match self {
            Self::First => interrupt::requested(),
            Self::Second => interrupt::insisted(),
        }
    }
}

/// Runs a client to its end. `on_stderr` gets its error output as it comes, `on_tick` is called now and then.
///
/// Processor times are the difference of what all ended children of this process have used, so they are wrong while
/// other children end at the same time.
pub(crate) fn run(
    mut command: Command,
    time_limit: Option<Duration>,
    heed: Heed,
    on_stderr: &mut dyn FnMut(&[u8]),
    on_tick: &mut dyn FnMut(),
) -> Result<Ended, BuildError> {
    if heed.must_end() {
        return Err(BuildError::Interrupted);
    }
    let before = children_usage();
    let start = Instant::now();
    let mut child = spawn(&mut command)?;
    let (sender, chunks) = mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        forward(pipe, sender.clone(), Chunk::Out);
    }
    if let Some(pipe) = child.stderr.take() {
        forward(pipe, sender, Chunk::Err);
    }

    let mut watch = watch::Watch::new(child.id());
    let mut stdout = Vec::new();
    let mut ending: Option<(Cause, Instant)> = None;
    let mut exited: Option<(ExitStatus, Instant)> = None;
    let mut next_tick = start;
    loop {
        match chunks.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
            Ok(Chunk::Out(bytes)) => stdout.extend(bytes),
            Ok(Chunk::Err(bytes)) => on_stderr(&bytes),
            Err(RecvTimeoutError::Timeout) => {}
            // Both ends are closed: it has ended, or will in a moment.
            Err(RecvTimeoutError::Disconnected) => {
                if exited.is_none() {
                    std::thread::sleep(Duration::from_millis(1));
                    exited = child.try_wait()?.map(|status| (status, Instant::now()));
                }
                if exited.is_some() {
                    break;
                }
            }
        }
        let now = Instant::now();
        if now < next_tick {
            continue;
        }
        next_tick = now + TICK;
        on_tick();
        match exited {
            Some((_, at)) if now > at + AFTERMATH => break,
            Some(_) => continue,
            None => watch.sample(),
        }
        if ending.is_some() && watch.leader_has_ended() {
            // Children that did not care; as long as the client is not waited for, its number is not another's.
            watch.signal(Signal::SIGKILL);
        }
        exited = child.try_wait()?.map(|status| (status, now));
        if exited.is_some() {
            continue;
        }
        match ending {
            None if heed.must_end() => {
                ending = Some((Cause::Interrupted, now));
                watch.signal(Signal::SIGINT);
            }
            None if time_limit.is_some_and(|limit| now > start + limit) => {
                ending = Some((Cause::TimeLimit, now));
                watch.signal(Signal::SIGINT);
            }
            Some((_, since)) if now > since + GRACE || interrupt::insisted() => {
                watch.signal(Signal::SIGKILL);
            }
            _ => {}
        }
    }
    let wall = start.elapsed();
    let status = match exited {
        Some((status, _)) => status,
        None => child.wait()?,
    };
    let after = children_usage();
    Ok(Ended {
        status,
        cause: ending.map_or(Cause::Itself, |(cause, _)| cause),
        stdout,
        wall,
        usage: ClientUsage {
            user_seconds: after.0 - before.0,
            system_seconds: after.1 - before.1,
            peak_rss_bytes: watch.peak_rss_bytes(),
        },
    })
}

/// Asks the builder something: the client's output, or what it complained of.
pub(crate) fn ask(command: Command) -> Result<String, BuildError> {
    ask_heeding(Heed::First, command)
}

/// The same, for what has to be done after a signal as well.
pub(crate) fn ask_to_tidy_up(command: Command) -> Result<String, BuildError> {
    ask_heeding(Heed::Second, command)
}

fn ask_heeding(heed: Heed, command: Command) -> Result<String, BuildError> {
    let what = describe(&command);
    let mut complaint = Vec::new();
    let ended = run(
        command,
        Some(QUESTION),
        heed,
        &mut |bytes| complaint.extend_from_slice(bytes),
        &mut || {},
    )?;
    match ended.cause {
        Cause::Interrupted => Err(BuildError::Interrupted),
        Cause::TimeLimit => Err(BuildError::Client(format!(
            "`{what}` gave no answer within {} s",
            QUESTION.as_secs()
        ))),
        Cause::Itself if ended.status.success() => Ok(String::from_utf8_lossy(&ended.stdout).into_owned()),
        Cause::Itself => Err(BuildError::Client(format!(
            "`{what}` failed: {}",
            String::from_utf8_lossy(&complaint).trim()
        ))),
    }
}

fn describe(command: &Command) -> String {
    let name = Path::new(command.get_program());
    let mut text = name
        .file_name()
        .unwrap_or(name.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn spawn(command: &mut Command) -> Result<Child, BuildError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| {
            let name = command.get_program().to_string_lossy().into_owned();
            if error.kind() == std::io::ErrorKind::NotFound {
                BuildError::Client(format!("there is no program `{name}`"))
            } else {
                BuildError::Client(format!("`{name}` does not start: {error}"))
            }
        })
}

fn forward(
    mut pipe: impl Read + Send + 'static,
    sender: Sender<Chunk>,
    wrap: impl Fn(Vec<u8>) -> Chunk + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    if sender.send(wrap(buffer[..length].to_vec())).is_err() {
                        break;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    });
}

/// User and system seconds of all children that have ended so far.
fn children_usage() -> (f64, f64) {
    // It cannot fail for a constant that the kernel knows.
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or((0.0, 0.0), |usage| {
        let seconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1e6;
        (seconds(usage.user_time()), seconds(usage.system_time()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_status_and_usage_of_a_run() {
        let mut stderr = Vec::new();
        let ended = run(
            shell("echo out; echo err >&2; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3"),
            None,
            Heed::First,
            &mut |bytes| stderr.extend_from_slice(bytes),
            &mut || {},
        )
        .unwrap();
        assert_eq!(ended.stdout, b"out\n");
        assert_eq!(stderr, b"err\n");
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.cause, Cause::Itself);
        assert!(ended.usage.user_seconds > 0.0);
        assert!(ended.usage.peak_rss_bytes.unwrap() > 0);
    }

    #[test]
    fn a_run_that_takes_too_long_is_ended_with_its_children() {
        let ended = run(
            shell("sleep 1000 & echo $!; wait"),
            Some(Duration::from_millis(200)),
            Heed::First,
            &mut |_| {},
            &mut || {},
        )
        .unwrap();
        assert_eq!(ended.cause, Cause::TimeLimit);
        let child = String::from_utf8(ended.stdout).unwrap();
        let gone = || {
            fs_err::read_to_string(format!("/proc/{}/stat", child.trim())).map_or(true, |stat| stat.contains(") Z "))
        };
        while !gone() {
            std::thread::sleep(TICK);
        }
    }

    #[test]
    fn a_question_that_fails_names_command_and_complaint() {
        let error = ask(shell("echo broken >&2; exit 1")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use the builder: `sh -c echo broken >&2; exit 1` failed: broken"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = ask(Command::new("/nonexistent/docker")).unwrap_err();
        assert!(error.to_string().contains("there is no program `/nonexistent/docker`"));
    }

    #[test]
    fn surroundings_do_not_reach_the_build() {
        let command = Client {
            host: Some("unix:///somewhere".into()),
            ..Client::default()
        }
        .buildx("build");
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        for name in ["SOURCE_DATE_EPOCH", "BUILDX_BUILDER", "DOCKER_CONTEXT"] {
            assert!(removed.iter().any(|removed| removed == name), "{name}");
        }
    }
}
