//! What a step finds: user, variables, working directory, shell.

use std::collections::BTreeMap;

use cachemount_syntax::expand::{Variable, expand};

use super::accounts::{Accounts, Id};

/// The user of a step, as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, if it was given or is known.
    pub name: Option<String>,
    /// The user id, if it is known.
    pub uid: Option<Id>,
    /// The primary group's id, if it is known.
    pub gid: Option<Id>,
    /// The home directory in the password file, if it is known.
    pub home: Option<String>,
    /// It is what an unknown image happens to have, taken to be the superuser for want of a sign of another.
    pub assumed: bool,
}

impl User {
    /// The superuser.
    #[must_use]
    pub fn root() -> Self {
        Self {
            name: Some("root".to_owned()),
            uid: Some(Id::literal(0)),
            gid: Some(Id::literal(0)),
            home: Some("/root".to_owned()),
            assumed: false,
        }
    }

    /// Whether it is certainly the superuser.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.uid.as_ref().is_some_and(|id| id.value == 0)
    }
}

/// What a step finds.
#[derive(Debug, Clone)]
pub struct State {
    /// Who runs it.
    pub user: User,
    /// `ENV`; `None` is a value that cannot be known.
    pub env: BTreeMap<String, Option<String>>,
    /// `ARG` of this stage with its default; `None` is a value that cannot be known.
    pub args: BTreeMap<String, Option<String>>,
    /// The working directory.
    pub workdir: Option<String>,
    /// The program that runs shell-form commands, if it is not a POSIX shell.
    pub foreign_shell: Option<String>,
    /// Accounts and groups.
    pub accounts: Accounts,
    /// The environment of the base image is not known, so a variable may be set without a trace in the file.
    pub unknown_base: bool,
}

impl State {
    /// What is known of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Variable {
        match self.env.get(name).or_else(|| self.args.get(name)) {
            Some(Some(value)) => Variable::Value(value.clone()),
            Some(None) => Variable::Unknown,
            None if self.unknown_base => Variable::Unknown,
            None => Variable::Unset,
        }
    }

    /// Expands an argument of an instruction.
    #[must_use]
    pub fn expand(&self, text: &str, escape: u8) -> Option<String> {
        expand(text, escape, &|name| self.variable(name))
    }

    /// If the text is nothing but one build argument, its name: `$UID`, `${UID}`.
    #[must_use]
    pub fn sole_arg(&self, text: &str) -> Option<String> {
        let name = text.trim_matches('"').strip_prefix('$')?;
        let name = name
            .strip_prefix('{')
            .map_or(Some(name), |name| name.strip_suffix('}'))?;
        (self.args.contains_key(name) && !self.env.contains_key(name)).then(|| name.to_owned())
    }

    /// The home directory that programs see: `HOME` before the password file.
    #[must_use]
    pub fn home(&self, user: &User) -> Option<String> {
        match self.env.get("HOME") {
            Some(home) => home.clone(),
            None => user.home.clone(),
        }
    }

    /// Reads the argument of `USER`.
    #[must_use]
    pub fn resolve_user(&self, text: &str, escape: u8) -> User {
        let unknown = User {
            name: None,
            uid: None,
            gid: None,
            home: None,
            assumed: false,
        };
        let (raw_user, raw_group) = match text.split_once(':') {
            // `${A:-b}` holds a colon of its own.
            Some((user, group)) if !text.contains("${") => (user, Some(group)),
            _ => split_outside_braces(text),
        };
        let Some(name) = self.expand(raw_user, escape) else {
            return unknown;
        };
        let arg = self.sole_arg(raw_user);
        let mut user = self.named(&name, arg);
        if let Some(raw_group) = raw_group {
            user.gid = self
                .expand(raw_group, escape)
                .and_then(|group| self.accounts.group(&group))
                .map(|id| id.with_arg(self.sole_arg(raw_group)));
        }
        user
    }

    /// A user by name or number; `arg` is the build argument that the number comes from.
    #[must_use]
    pub fn named(&self, name: &str, arg: Option<String>) -> User {
        let account = self.accounts.find(name);
        let number = name.parse::<u32>().ok();
        match (account, number) {
            (Some(account), _) => User {
                name: Some(account.name.clone()).filter(|name| !name.is_empty()),
                uid: account
                    .uid
                    .clone()
                    .map(|id| if number.is_some() { id.with_arg(arg) } else { id }),
                gid: account.gid.clone(),
                home: account.home.clone(),
                assumed: false,
            },
            (None, Some(uid)) => {
                // Without an account the group is 0 and HOME is /; but an unknown image may have one.
                let known = !self.unknown_base && !self.accounts.may_have(uid);
                User {
                    name: None,
                    uid: Some(Id::literal(uid).with_arg(arg)),
                    gid: known.then(|| Id::literal(0)),
                    home: known.then(|| "/".to_owned()),
                    assumed: false,
                }
            }
            (None, None) => User {
                name: Some(name.to_owned()),
                uid: None,
                gid: None,
                home: None,
                assumed: false,
            },
        }
    }
}

fn split_outside_braces(text: &str) -> (&str, Option<&str>) {
    let mut depth = 0_u32;
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}
