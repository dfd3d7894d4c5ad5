//! `--mount` flags of a step.

use cachemount_syntax::flags::{Flag, MountOption};
use cachemount_syntax::{Instruction, Span};

use super::State;

/// A `--mount` flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountFlag {
    /// `bind` (the default), `cache`, `tmpfs`, `secret`, `ssh`.
    pub kind: String,
    /// As written.
    pub id: Option<String>,
    /// The mount point with variables expanded and made absolute; `None` if it cannot be known.
    pub target: Option<String>,
    /// The target as written.
    pub raw_target: Option<String>,
    /// `shared`, `locked`, `private`, as written.
    pub sharing: Option<String>,
    /// The owner, if it is a number.
    pub uid: Option<u32>,
    /// The group, if it is a number.
    pub gid: Option<u32>,
    /// `uid=` is there, whatever its value.
    pub has_uid: bool,
    /// As written.
    pub mode: Option<String>,
    /// As written.
    pub from: Option<String>,
    /// As written.
    pub source: Option<String>,
    /// The whole flag in the file.
    pub span: Span,
    /// The options with their places in the instruction's text.
    pub options: Vec<MountOption>,
}

impl MountFlag {
    /// Reads a flag; `None` if it is not a mount.
    #[must_use]
    pub fn read(instruction: &Instruction, flag: &Flag, state: &State, escape: u8) -> Option<Self> {
        let options = flag.mount_options()?;
        let get = |names: &[&str]| {
            options
                .iter()
                .rev()
                .find(|option| names.contains(&option.key.as_str()))
                .and_then(|option| option.value.clone())
        };
        let number = |text: Option<String>| {
            text.and_then(|text| state.expand(&text, escape))
                .and_then(|text| text.parse().ok())
        };
        let raw_target = get(&["target", "dst", "destination"]);
        let target = raw_target.as_ref().and_then(|raw| {
            let target = state.expand(raw, escape)?;
            let absolute = if target.starts_with('/') {
                target
            } else {
                format!("{}/{target}", state.workdir.as_ref()?.trim_end_matches('/'))
            };
            Some(clean(&absolute))
        });
        Some(Self {
            kind: get(&["type"]).unwrap_or_else(|| "bind".to_owned()),
            id: get(&["id"]),
            target,
            raw_target,
            sharing: get(&["sharing"]),
            uid: number(get(&["uid"])),
            gid: number(get(&["gid"])),
            has_uid: options.iter().any(|option| option.key == "uid"),
            mode: get(&["mode"]),
            from: get(&["from"]),
            source: get(&["source", "src"]),
            span: instruction.source(flag.span),
            options,
        })
    }

    /// The option of this name.
    #[must_use]
    pub fn option(&self, names: &[&str]) -> Option<&MountOption> {
        self.options
            .iter()
            .rev()
            .find(|option| names.contains(&option.key.as_str()))
    }
}

/// The id as `BuildKit` derives it: the one given, else the target as written, cleaned but not made absolute.
#[must_use]
pub fn effective_id(mount: &MountFlag) -> String {
    match (&mount.id, &mount.raw_target) {
        (Some(id), _) => id.clone(),
        (None, Some(target)) => clean(target),
        (None, None) => String::new(),
    }
}

/// Go's `path.Clean`: no double slashes, no `.` and `..`, no slash at the end.
#[must_use]
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, cleaned) in [
            ("/a/", "/a"),
            ("/a//b/../c", "/a/c"),
            ("/..", "/"),
            ("", "."),
            ("a/./b/", "a/b"),
            ("../x", "../x"),
            ("/", "/"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }
}
