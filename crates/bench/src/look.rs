//! Looking into cache mounts: a helper build mounts them beside the real ones' place and lists their files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use cachemount_lint::outline::{Base, CacheMount, Outline};
use cachemount_store::{Atime, Listing, Served, listing_script, served};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::graph::{StepRef, root_image, runs};

/// Makes the helper's steps run every time.
pub(crate) const LOOK_ARGUMENT: &str = "CACHEMOUNT_LOOK";

/// A cache mount of a Dockerfile, and where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The mount as first written; a second use may mount it elsewhere.
    pub mount: CacheMount,
    /// The steps that use it.
    pub users: Vec<StepRef>,
    /// An image with a shell to look at it from.
    image: Option<String>,
}

/// The cache mounts of the stages that are built, each store once.
#[must_use]
pub fn places(outline: &Outline, needed: &BTreeSet<usize>) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    // A mount is the same seen from any image, so that any known one will do where a stage's own is not known.
    let any_image = needed.iter().find_map(|stage| match &outline.stages[*stage].base {
        Base::Image(image) => Some(image.clone()),
        _ => None,
    });
    for (step, run) in runs(outline, needed) {
        for mount in &run.mounts {
            let same = |place: &&mut Place| identity(&place.mount) == identity(mount);
            if let Some(place) = places.iter_mut().find(same) {
                if place.users.last() != Some(&step) {
                    place.users.push(step);
                }
                continue;
            }
            let own = root_image(outline, step.stage).map(str::to_owned);
            places.push(Place {
                mount: mount.clone(),
                users: vec![step],
                image: own.or_else(|| any_image.clone()),
            });
        }
    }
    places
}

/// What `BuildKit` tells mounts apart by.
fn identity(mount: &CacheMount) -> (&str, Option<u32>, Option<u32>, Option<&str>, Option<&str>) {
    (
        &mount.id,
        mount.uid,
        mount.gid,
        mount.mode.as_deref(),
        mount.from.as_deref(),
    )
}

impl Place {
    /// Why it cannot be looked into, if so.
    fn obstacle(&self, outline: &Outline) -> Option<String> {
        let mount = &self.mount;
        let stage = |name: &str| {
            outline
                .stages
                .iter()
                .enumerate()
                .any(|(index, stage)| stage.name.as_deref() == Some(name) || index.to_string() == name)
        };
        if mount.from.as_deref().is_some_and(stage) {
            return Some("it is seeded from a stage, and cannot be mounted from anywhere else".to_owned());
        }
        let awkward =
            |text: &str| text.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\'' | '\\' | '$' | '`'));
        if awkward(&mount.id)
            || mount.from.as_deref().is_some_and(awkward)
            || mount.mode.as_deref().is_some_and(awkward)
        {
            return Some("its options contain characters that mean something to the Dockerfile parser".to_owned());
        }
        if self.image.is_none() {
            return Some("no base image of the Dockerfile is known, to look at it from".to_owned());
        }
        None
    }

    fn flag(&self, index: usize) -> String {
        let mount = &self.mount;
        let mut flag = format!(
            "--mount=type=cache,id={},target=/cachemount-look/{index},sharing={}",
            mount.id, mount.sharing
        );
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing into a String cannot fail.
                let _ = write!(flag, ",{key}={value}");
            }
        };
        add("uid", mount.uid.map(|uid| uid.to_string()));
        add("gid", mount.gid.map(|gid| gid.to_string()));
        add("mode", mount.mode.clone());
        add("from", mount.from.clone());
        flag
    }
}

/// A helper build: a Dockerfile and the scripts that it copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Helper {
    pub(crate) dockerfile: String,
    pub(crate) scripts: Vec<(String, String)>,
    /// By mount: why it is left out.
    pub(crate) obstacles: Vec<Option<String>>,
}

impl Helper {
    /// A build that lists these mounts into the files `0`, `1`, … of its last stage; none if there is none to list.
    pub(crate) fn new(places: &[Place], outline: &Outline, reset: bool) -> Self {
        let obstacles: Vec<_> = places.iter().map(|place| place.obstacle(outline)).collect();
        let mut images: Vec<&str> = Vec::new();
        let mut scripts = Vec::new();
        let open = || places.iter().zip(&obstacles).enumerate();
        for (_, (place, obstacle)) in open() {
            if let (Some(image), None) = (&place.image, obstacle)
                && !images.contains(&image.as_str())
            {
                images.push(image);
            }
        }
        let mut dockerfile = String::new();
        for (number, image) in images.iter().enumerate() {
            let _ = write!(
                dockerfile,
                "FROM {image} AS look{number}\nUSER 0:0\nWORKDIR /cachemount/out\nARG {LOOK_ARGUMENT}\n"
            );
            for (index, (place, obstacle)) in open() {
                if obstacle.is_some() || place.image.as_deref() != Some(image) {
                    continue;
                }
                let script = format!("look-{index}.sh");
                let _ = write!(
                    dockerfile,
                    "COPY {script} /cachemount/\nRUN {} [\"sh\", \"-c\", \"sh /cachemount/{script} 2>{index}.err || :\"]\n",
                    place.flag(index)
                );
                let out = format!("/cachemount/out/{index}");
                scripts.push((
                    script,
                    listing_script(&format!("/cachemount-look/{index}"), &out, reset),
                ));
            }
        }
        dockerfile.push_str("FROM scratch\n");
        for number in 0..images.len() {
            let _ = writeln!(dockerfile, "COPY --from=look{number} /cachemount/out /");
        }
        Self {
            dockerfile,
            scripts,
            obstacles,
        }
    }

    /// Whether there is nothing to list.
    pub(crate) fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Writes the scripts into a folder, which is then the helper's build context.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (name, script) in &self.scripts {
            fs::write(folder.join(name), script)?;
        }
        Ok(())
    }

    /// What the build wrote, by mount.
    pub(crate) fn read(&self, folder: &Path) -> Vec<Result<Listing, String>> {
        let listing = |index: usize, obstacle: &Option<String>| {
            if let Some(obstacle) = obstacle {
                return Err(obstacle.clone());
            }
            let text =
                fs::read(folder.join(index.to_string())).map_err(|error| format!("its listing is missing: {error}"))?;
            Listing::parse(&text).map_err(|error| {
                let said = fs::read_to_string(folder.join(format!("{index}.err"))).unwrap_or_default();
                format!("failed to {error} {}", said.trim())
            })
        };
        self.obstacles
            .iter()
            .enumerate()
            .map(|(index, obstacle)| listing(index, obstacle))
            .collect()
    }
}

/// What a mount held around one build, and what it served to it. Bytes and numbers of regular files; `served`, `added`
/// and `needed` count files that save a download only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServedFigures {
    /// Bytes before the build.
    pub bytes_before: u64,
    /// Bytes after it.
    pub bytes_after: u64,
    /// Files before the build.
    pub files_before: u64,
    /// Files after it.
    pub files_after: u64,
    /// Files that the build read and left as they were.
    pub served_files: u64,
    /// Their bytes.
    pub served_bytes: u64,
    /// Files that the build added or wrote anew.
    pub added_files: u64,
    /// Their bytes.
    pub added_bytes: u64,
    /// Served bytes in served and added ones, 0 to 1.
    pub share: Option<f64>,
    /// Whether reads can be seen in this place; `false` leaves `served` at nothing without meaning it.
    pub reads_visible: bool,
    /// Why the mount is dead, judged by this build alone.
    pub dead: Option<String>,
}

impl ServedFigures {
    /// The figures of two listings around a build.
    #[must_use]
    pub fn of(before: &Listing, after: &Listing) -> Self {
        Self::from(&served(before, after))
    }
}

impl From<&Served> for ServedFigures {
    fn from(served: &Served) -> Self {
        Self {
            bytes_before: served.bytes_before,
            bytes_after: served.bytes_after,
            files_before: served.files_before,
            files_after: served.files_after,
            served_files: served.served_files,
            served_bytes: served.served_bytes,
            added_files: served.added_files,
            added_bytes: served.added_bytes,
            share: served.share,
            reads_visible: served.atime == Atime::Works,
            dead: served.dead_reason().map(|reason| reason.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{mount, mounted, outline, run, stage};

    fn apt() -> CacheMount {
        CacheMount {
            sharing: "locked".into(),
            ..mount("apt-cache", "/var/cache/apt")
        }
    }

    fn owned() -> CacheMount {
        CacheMount {
            uid: Some(5678),
            gid: Some(5678),
            mode: Some("0755".into()),
            ..mount("/home/app/.cache/uv", "/home/app/.cache/uv")
        }
    }

    #[test]
    fn every_store_once_with_its_identity() {
        let file = outline(vec![
            stage(
                Some("a"),
                Base::Image("debian:trixie-slim".into()),
                vec![mounted(run("x"), apt()), mounted(mounted(run("y"), apt()), owned())],
            ),
            stage(
                None,
                Base::Unknown("$X".into()),
                vec![mounted(run("z"), mount("m", "/m"))],
            ),
        ]);
        let places = places(&file, &BTreeSet::from([0, 1]));
        assert_eq!(places.len(), 3);
        assert_eq!(places[0].users.len(), 2);
        let helper = Helper::new(&places, &file, true);
        assert_eq!(
            helper.dockerfile,
            "FROM debian:trixie-slim AS look0\nUSER 0:0\nWORKDIR /cachemount/out\nARG CACHEMOUNT_LOOK\n\
             COPY look-0.sh /cachemount/\n\
             RUN --mount=type=cache,id=apt-cache,target=/cachemount-look/0,sharing=locked \
             [\"sh\", \"-c\", \"sh /cachemount/look-0.sh 2>0.err || :\"]\n\
             COPY look-1.sh /cachemount/\n\
             RUN --mount=type=cache,id=/home/app/.cache/uv,target=/cachemount-look/1,sharing=shared,uid=5678,gid=5678,\
             mode=0755 [\"sh\", \"-c\", \"sh /cachemount/look-1.sh 2>1.err || :\"]\n\
             COPY look-2.sh /cachemount/\n\
             RUN --mount=type=cache,id=m,target=/cachemount-look/2,sharing=shared \
             [\"sh\", \"-c\", \"sh /cachemount/look-2.sh 2>2.err || :\"]\n\
             FROM scratch\nCOPY --from=look0 /cachemount/out /\n"
        );
        assert!(helper.scripts[0].1.contains("reset=1"));
    }

    #[test]
    fn what_cannot_be_looked_into_has_a_reason() {
        let seeded = CacheMount {
            from: Some("seed".into()),
            ..mount("m", "/m")
        };
        let file = outline(vec![
            stage(Some("seed"), Base::Image("i".into()), vec![]),
            stage(
                None,
                Base::Stage(0),
                vec![mounted(run("x"), seeded), mounted(run("y"), mount("a,b", "/m"))],
            ),
        ]);
        let helper = Helper::new(&places(&file, &BTreeSet::from([0, 1])), &file, false);
        assert!(helper.is_empty());
        assert!(helper.obstacles.iter().all(Option::is_some));
        let folder = tempfile::tempdir().unwrap();
        assert!(helper.read(folder.path())[0].as_ref().unwrap_err().contains("seeded"));
    }
}
