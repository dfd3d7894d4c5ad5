//! Accounts and groups, followed through `useradd`, `adduser` and their relatives.

use std::collections::BTreeMap;

use super::fact::{Fact, WordFact};

/// A user or group id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    /// The number; for a build argument, its default.
    pub value: u32,
    /// The build argument that it is held in, so that it may be another number in another build.
    pub arg: Option<String>,
}

impl Id {
    /// A number as written.
    #[must_use]
    pub const fn literal(value: u32) -> Self {
        Self { value, arg: None }
    }

    /// The number, known to be held in this argument.
    #[must_use]
    pub fn with_arg(mut self, arg: Option<String>) -> Self {
        self.arg = arg.or(self.arg);
        self
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFact {
    /// The name.
    pub name: String,
    /// The user id, if it is known.
    pub uid: Option<Id>,
    /// The primary group's id, if it is known.
    pub gid: Option<Id>,
    /// The home directory, if it is known.
    pub home: Option<String>,
}

/// The accounts and groups of a stage at some step.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    known: Vec<AccountFact>,
    groups: BTreeMap<String, Option<Id>>,
    /// Ids that an account may have which is not listed: on some tags of the base image only.
    maybe: Vec<u32>,
    /// The password file was written to in a way that cannot be followed.
    rewritten: bool,
}

impl Accounts {
    /// Notes that an account of this id may exist.
    pub fn add_maybe(&mut self, uid: u32) {
        self.maybe.push(uid);
    }

    /// Notes that there may be accounts that nothing tells of.
    pub fn note_rewritten(&mut self) {
        self.rewritten = true;
    }

    /// Whether an account of this id may exist that is not listed.
    #[must_use]
    pub fn may_have(&self, uid: u32) -> bool {
        self.rewritten || self.maybe.contains(&uid)
    }

    /// Adds or replaces an account and the group of the same name.
    pub fn add(&mut self, account: AccountFact) {
        self.groups
            .entry(account.name.clone())
            .or_insert_with(|| account.gid.clone());
        self.known.retain(|other| other.name != account.name);
        self.known.push(account);
    }

    /// An account by name or number.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&AccountFact> {
        self.known.iter().find(|account| account.name == name).or_else(|| {
            let number = name.parse::<u32>().ok()?;
            self.known
                .iter()
                .find(|account| account.uid.as_ref().is_some_and(|id| id.value == number))
        })
    }

    /// A group's id by name or number.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<Id> {
        match name.parse() {
            Ok(number) => Some(Id::literal(number)),
            Err(_) if name == "root" => Some(Id::literal(0)),
            Err(_) => self.groups.get(name).cloned().flatten(),
        }
    }

    /// Follows one command of a step.
    pub fn follow(&mut self, fact: &Fact) {
        match fact.name().as_deref() {
            Some("useradd") => self.useradd(fact),
            Some("adduser") => self.adduser(fact),
            Some("groupadd") => {
                let options = Options::read(
                    &fact.words,
                    &["-g", "--gid", "-K", "--key", "-p", "--password", "-R", "--root"],
                );
                self.add_group(&options, &["-g", "--gid"]);
            }
            Some("addgroup") => {
                let options = Options::read(&fact.words, &["-g", "--gid", "--group"]);
                self.add_group(&options, &["-g", "--gid"]);
            }
            Some("usermod") => self.usermod(fact),
            Some("groupmod") => {
                let options = Options::read(&fact.words, &["-g", "--gid", "-n", "--new-name"]);
                let old = options.operand(0).and_then(|name| self.group(&name));
                if options.has(&["-g", "--gid"]) {
                    let new = options.id(&["-g", "--gid"]);
                    self.add_group(&options, &["-g", "--gid"]);
                    for account in self
                        .known
                        .iter_mut()
                        .filter(|account| old.is_some() && account.gid == old)
                    {
                        account.gid.clone_from(&new);
                    }
                }
            }
            Some("userdel" | "deluser") => {
                if let Some(name) = Options::read(&fact.words, &[]).operand(0) {
                    self.known.retain(|account| account.name != name);
                }
            }
            _ => {}
        }
    }

    fn add_group(&mut self, options: &Options<'_>, flags: &[&str]) {
        if let Some(name) = options.operand(0) {
            self.groups.insert(name, options.id(flags));
        }
    }

    /// shadow's `useradd`: without a group option, a group of the same name whose id is the user's if it is free.
    fn useradd(&mut self, fact: &Fact) {
        let options = Options::read(
            &fact.words,
            &[
                "-u",
                "--uid",
                "-g",
                "--gid",
                "-G",
                "--groups",
                "-d",
                "--home-dir",
                "--home",
                "-b",
                "--base-dir",
                "-s",
                "--shell",
                "-c",
                "--comment",
                "-e",
                "--expiredate",
                "-f",
                "--inactive",
                "-k",
                "--skel",
                "-K",
                "--key",
                "-p",
                "--password",
                "-R",
                "--root",
            ],
        );
        let Some(name) = options.operand(0) else { return };
        let uid = options.id(&["-u", "--uid"]);
        let gid = match options.value(&["-g", "--gid"]) {
            Some(word) => self.group_of(word),
            None if options.has(&["-N", "--no-user-group"]) => Some(Id::literal(100)),
            None => uid.clone().filter(|id| !self.group_id_taken(id.value)),
        };
        let home = match options.value(&["-d", "--home-dir", "--home"]) {
            Some(word) => word.value.clone(),
            None => match options.value(&["-b", "--base-dir"]) {
                Some(word) => word.value.as_ref().map(|base| format!("{base}/{name}")),
                None => Some(format!("/home/{name}")),
            },
        };
        self.add(AccountFact { name, uid, gid, home });
    }

    /// Debian's and busybox' `adduser`; they agree on what matters here.
    fn adduser(&mut self, fact: &Fact) {
        let options = Options::read(
            &fact.words,
            &[
                "-u",
                "--uid",
                "-g",
                "--gid",
                "-G",
                "--ingroup",
                "-h",
                "--home",
                "-s",
                "--shell",
                "--gecos",
                "--comment",
                "--firstuid",
                "--lastuid",
                "--firstgid",
                "--lastgid",
                "-k",
                "--conf",
            ],
        );
        let operands = options.operands.len();
        let Some(name) = options.operand(0) else { return };
        if operands > 1 {
            // `adduser USER GROUP` adds an existing user to a group.
            return;
        }
        let uid = options.id(&["-u", "--uid"]);
        let system = options.has(&["--system", "-S"]);
        let busybox = options.has(&["-D", "-S", "-H", "-G", "-h", "-s"]);
        // busybox takes `-g` as the comment field.
        let group_flags: &[&str] = if busybox {
            &["-G", "--ingroup", "--gid"]
        } else {
            &["--ingroup", "--gid", "-g"]
        };
        let gid = match options.value(group_flags) {
            Some(word) => self.group_of(word),
            // Debian's system users belong to nogroup unless `--group` makes them one.
            None if system && !options.has(&["--group"]) => (!busybox).then(|| Id::literal(65534)),
            None => uid.clone().filter(|id| !self.group_id_taken(id.value)),
        };
        let home = match options.value(&["--home", "-h"]) {
            Some(word) => word.value.clone(),
            None if system => None,
            None => Some(format!("/home/{name}")),
        };
        self.add(AccountFact { name, uid, gid, home });
    }

    fn usermod(&mut self, fact: &Fact) {
        let options = Options::read(
            &fact.words,
            &[
                "-u",
                "--uid",
                "-g",
                "--gid",
                "-G",
                "--groups",
                "-d",
                "--home",
                "-l",
                "--login",
                "-s",
                "--shell",
                "-c",
                "--comment",
                "-e",
                "-f",
                "-p",
            ],
        );
        let Some(name) = options.operand(0) else { return };
        let Some(mut account) = self.find(&name).cloned() else {
            return;
        };
        if options.has(&["-u", "--uid"]) {
            account.uid = options.id(&["-u", "--uid"]);
        }
        if let Some(word) = options.value(&["-g", "--gid"]) {
            account.gid = self.group_of(word);
        }
        if let Some(word) = options.value(&["-d", "--home"]) {
            account.home.clone_from(&word.value);
        }
        if let Some(word) = options.value(&["-l", "--login"]) {
            self.known.retain(|other| other.name != name);
            match &word.value {
                Some(login) => account.name.clone_from(login),
                None => return,
            }
        }
        self.add(account);
    }

    /// The group that an option names, and the build argument that its number comes from.
    fn group_of(&self, word: &WordFact) -> Option<Id> {
        let id = self.group(word.value.as_deref()?)?;
        Some(id.with_arg(word.arg.clone()))
    }

    fn group_id_taken(&self, id: u32) -> bool {
        self.groups.values().flatten().any(|group| group.value == id)
    }
}

/// Options and operands of a command.
struct Options<'a> {
    values: Vec<(String, Option<&'a WordFact>)>,
    operands: Vec<&'a WordFact>,
    inline: Vec<(String, WordFact)>,
}

impl<'a> Options<'a> {
    fn read(words: &'a [WordFact], with_value: &[&str]) -> Self {
        let mut options = Self {
            values: Vec::new(),
            operands: Vec::new(),
            inline: Vec::new(),
        };
        let mut at = 1;
        while let Some(word) = words.get(at) {
            at += 1;
            let text = word.value.clone().unwrap_or_default();
            if !text.starts_with('-') || text == "-" {
                options.operands.push(word);
            } else if let Some((name, value)) = text.split_once('=').filter(|_| text.starts_with("--")) {
                let value = WordFact {
                    value: Some(value.to_owned()),
                    arg: word.arg_behind_equals.clone(),
                    ..word.clone()
                };
                options.inline.push((name.to_owned(), value));
            } else if with_value.contains(&text.as_str()) {
                options.values.push((text, words.get(at)));
                at += 1;
            } else if !text.starts_with("--") && text.len() > 2 {
                // `-rm`, `-mu 1000`, `-u1000`: a bundle; the last letter may take the next word.
                let letters: Vec<_> = text[1..].chars().map(|letter| format!("-{letter}")).collect();
                let taking = letters.iter().position(|letter| with_value.contains(&letter.as_str()));
                match taking {
                    Some(index) if index + 1 == letters.len() => {
                        options
                            .values
                            .extend(letters[..index].iter().map(|letter| (letter.clone(), None)));
                        options.values.push((letters[index].clone(), words.get(at)));
                        at += 1;
                    }
                    Some(index) => {
                        let value = WordFact {
                            value: Some(text.chars().skip(index + 2).collect()),
                            arg: None,
                            ..word.clone()
                        };
                        options.inline.push((letters[index].clone(), value));
                    }
                    None => options.values.extend(letters.into_iter().map(|letter| (letter, None))),
                }
            } else {
                options.values.push((text, None));
            }
        }
        options
    }

    fn has(&self, names: &[&str]) -> bool {
        self.values.iter().any(|(name, _)| names.contains(&name.as_str()))
            || self.inline.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    fn value(&self, names: &[&str]) -> Option<&WordFact> {
        self.values
            .iter()
            .find(|(name, value)| names.contains(&name.as_str()) && value.is_some())
            .and_then(|(_, value)| *value)
            .or_else(|| {
                self.inline
                    .iter()
                    .find(|(name, _)| names.contains(&name.as_str()))
                    .map(|(_, value)| value)
            })
    }

    fn id(&self, names: &[&str]) -> Option<Id> {
        let word = self.value(names)?;
        let value = word.value.as_ref()?.parse().ok()?;
        Some(Id {
            value,
            arg: word.arg.clone(),
        })
    }

    fn operand(&self, index: usize) -> Option<String> {
        self.operands.get(index)?.value.clone()
    }
}
