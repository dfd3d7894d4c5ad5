//! The list of files in a mount at one moment.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;
use thiserror::Error;

/// The format's version. A newer one is refused.
pub const VERSION: u32 = 1;

const MAGIC: &str = "cachemount-listing";
const END_OF_RECORD: &[u8] = b"//\n";

/// The file types of `stat`'s mode, in octal as in the kernel's headers.
const TYPE_MASK: u32 = 0o170_000;

/// What was found where a listing was expected. Lines are counted from 1; a file name with a newline spans several.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The text does not begin with the header of a listing.
    #[error("read the listing: it does not begin with `{MAGIC}`")]
    NotAListing,
    /// The listing was made by a newer version of this program.
    #[error("read the listing: its version is {found}, this program knows up to {VERSION}")]
    Newer {
        /// The version in its header.
        found: u32,
    },
    /// A line is not what the format asks for.
    #[error("read the listing: line {line}: {what}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The last line is missing: the step that wrote it broke off.
    #[error("read the listing: it breaks off after line {line}")]
    Truncated {
        /// The number of complete lines.
        line: usize,
    },
}

/// Whether the file system keeps access times in a way that shows reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Atime {
    /// A test file was reset and read, and its access time moved.
    Works,
    /// It did not move, or could not be reset: nothing can be said about reads.
    Frozen,
}

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, pipe or socket.
    Other,
}

/// One file. Times are whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Type and permissions as in `st_mode`.
    pub raw_mode: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of the content.
    pub mtime: i64,
    /// Last read.
    pub atime: i64,
    /// Last change of the content or of the metadata.
    pub ctime: i64,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Entry {
    /// The file's type.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        match self.raw_mode & TYPE_MASK {
            0o100_000 => FileType::Regular,
            0o040_000 => FileType::Directory,
            0o120_000 => FileType::Symlink,
            _ => FileType::Other,
        }
    }

    /// The permissions, with set-uid, set-gid and sticky bit.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.raw_mode & 0o7777
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        self.file_type() == FileType::Regular
    }
}

/// Every file of a mount at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// When the listing was begun, in seconds since 1970 by the builder's clock.
    ///
    /// The listing itself reads every directory, which moves the access time of those that nobody read since a reset, and
    /// of no other. So a directory read by the build has an access time before this moment.
    pub started: i64,
    /// Whether access times show reads here.
    pub atime: Atime,
    /// Whether a copy made inside the kernel (`copy_file_range`) shows as a read. It does not from one overlay file system
    /// to another (measured on Linux 6.18), which is what a mount with `uid=`, `gid=` or `mode=` and the image's own
    /// file system are.
    pub copies_seen: bool,
    /// The access time given to every file and directory after the listing, if there was a reset.
    pub reset: Option<i64>,
    /// The files by their path relative to the mount, as the bytes they are. The mount's own directory is the empty path.
    pub entries: BTreeMap<Vec<u8>, Entry>,
}

impl Listing {
    /// Reads what the script of [`listing_script`](crate::listing_script) wrote.
    ///
    /// File names need not be UTF-8, hence bytes. Text behind the last line is refused.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut lines = Lines { rest: text, line: 0 };
        let first = lines.next_line().map_err(|_| ParseError::NotAListing)?;
        let version = first
            .strip_prefix(MAGIC.as_bytes())
            .and_then(|rest| rest.strip_prefix(b" "));
        let version = version.ok_or(ParseError::NotAListing)?;
        let version: u32 = number(version).ok_or(ParseError::NotAListing)?;
        if version > VERSION {
            return Err(ParseError::Newer { found: version });
        }
        let started = lines.header("started")?;
        let started = number(started).ok_or(lines.error("`started` is not a number"))?;
        let atime = match lines.header("atime")? {
            b"works" => Atime::Works,
            b"frozen" => Atime::Frozen,
            _ => return Err(lines.error("`atime` is neither `works` nor `frozen`")),
        };
        let copies_seen = match lines.header("copies")? {
            b"seen" => true,
            b"unseen" => false,
            _ => return Err(lines.error("`copies` is neither `seen` nor `unseen`")),
        };
        let reset = match lines.header("reset")? {
            b"none" => None,
            moment => Some(number(moment).ok_or(lines.error("`reset` is neither `none` nor a number"))?),
        };
        let mut entries = BTreeMap::new();
        while !lines.at_end_mark() {
            let (path, entry) = lines.record()?;
            if entries.insert(path, entry).is_some() {
                return Err(lines.error("a path appears twice"));
            }
        }
        lines.next_line()?;
        if !lines.rest.is_empty() {
            lines.line += 1;
            return Err(lines.error("text after the last line"));
        }
        Ok(Self {
            started,
            atime,
            copies_seen,
            reset,
            entries,
        })
    }

    /// The listing as the script would have written it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let atime = if self.atime == Atime::Works { "works" } else { "frozen" };
        let copies = if self.copies_seen { "seen" } else { "unseen" };
        let reset = self.reset.map_or("none".to_owned(), |moment| moment.to_string());
        let mut out = format!(
            "{MAGIC} {VERSION}\nstarted {}\natime {atime}\ncopies {copies}\nreset {reset}\n",
            self.started
        )
        .into_bytes();
        for (path, e) in &self.entries {
            // Writing into a Vec cannot fail.
            let _ = write!(
                out,
                "{:x} {} {} {} {} {} {} .",
                e.raw_mode, e.size, e.mtime, e.atime, e.ctime, e.uid, e.gid
            );
            if !path.is_empty() {
                out.push(b'/');
            }
            out.extend_from_slice(path);
            out.extend_from_slice(END_OF_RECORD);
        }
        out.extend_from_slice(b"end\n");
        out
    }

    /// The number of regular files.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.regular().count() as u64
    }

    /// The bytes in regular files, as their lengths say (not the blocks they take up). Hard links count once per name.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.regular().map(|(_, entry)| entry.size).sum()
    }

    /// The regular files with their paths.
    pub fn regular(&self) -> impl Iterator<Item = (&[u8], &Entry)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.is_regular())
            .map(|(path, entry)| (path.as_slice(), entry))
    }
}

struct Lines<'a> {
    rest: &'a [u8],
    /// Lines taken so far.
    line: usize,
}

impl<'a> Lines<'a> {
    fn error(&self, what: &'static str) -> ParseError {
        ParseError::Line { line: self.line, what }
    }

    fn next_line(&mut self) -> Result<&'a [u8], ParseError> {
        let end = self
            .rest
            .iter()
            .position(|&b| b == b'\n')
            .ok_or(ParseError::Truncated { line: self.line })?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        self.line += 1;
        Ok(line)
    }

    fn header(&mut self, key: &'static str) -> Result<&'a [u8], ParseError> {
        let line = self.next_line()?;
        line.strip_prefix(key.as_bytes())
            .and_then(|rest| rest.strip_prefix(b" "))
            .ok_or(self.error("a line of the header is missing or out of order"))
    }

    /// No record begins with `end`: a mode is followed by a space.
    fn at_end_mark(&self) -> bool {
        self.rest.starts_with(b"end\n")
    }

    fn record(&mut self) -> Result<(Vec<u8>, Entry), ParseError> {
        let end = self
            .rest
            .windows(END_OF_RECORD.len())
            .position(|window| window == END_OF_RECORD)
            .ok_or(ParseError::Truncated { line: self.line })?;
        let (record, rest) = self.rest.split_at(end);
        self.rest = &rest[END_OF_RECORD.len()..];
        // Errors name the record's first line.
        self.line += 1;
        let parsed = parse_record(record).ok_or(self.error("not seven numbers and a path"));
        self.line += record.split(|&b| b == b'\n').count() - 1;
        parsed
    }
}

fn parse_record(record: &[u8]) -> Option<(Vec<u8>, Entry)> {
    let mut fields = record.splitn(8, |&b| b == b' ');
    let raw_mode = u32::from_str_radix(str::from_utf8(fields.next()?).ok()?, 16).ok()?;
    let entry = Entry {
        raw_mode,
        size: number(fields.next()?)?,
        mtime: number(fields.next()?)?,
        atime: number(fields.next()?)?,
        ctime: number(fields.next()?)?,
        uid: number(fields.next()?)?,
        gid: number(fields.next()?)?,
    };
    let path = match fields.next()? {
        b"." => &[][..],
        path => path.strip_prefix(b"./").filter(|path| !path.is_empty())?,
    };
    Some((path.to_vec(), entry))
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}
