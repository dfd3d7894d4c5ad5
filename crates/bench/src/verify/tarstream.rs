//! Reads a tar stream of a layer.
//!
//! The `tar` crate decodes the headers. Its own iterator is not used here because it splits extended attributes at
//! newlines, and a file capability is a binary value in which that byte may occur.

use std::collections::BTreeMap;
use std::io::{self, Read};

use tar::{EntryType, Header};
use thiserror::Error;

const BLOCK: u64 = 512;
/// Long names and extended attributes come to a few kilobytes; more is not a layer.
const EXTENSION_LIMIT: u64 = 1 << 20;
const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

/// Why a layer could not be read. Becomes a `VerifyError` once archive and layer are known.
#[derive(Debug, Error)]
pub(super) enum LayerError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it breaks off")]
    Truncated,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("`{path}` is a hard link to `{target}`, which is not in the image")]
    LinkTarget { path: String, target: String },
}

/// One file's header, long names and extended attributes resolved. Names are as written: not yet cleaned.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) kind: EntryType,
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) size: u64,
    pub(super) device: (u32, u32),
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What the extension headers in front of an entry say of it.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Calls `visit` with every entry, its number from 0 and a reader of its content, which need not be read to its end.
///
/// Ends at the end mark or where the stream ends between two entries.
pub(super) fn each_entry<R: Read>(
    reader: &mut R,
    mut visit: impl FnMut(u32, Entry, &mut dyn Read) -> Result<(), LayerError>,
) -> Result<(), LayerError> {
    let mut extensions = Extensions::default();
    let mut ordinal = 0;
    while let Some(header) = next_header(reader)? {
        let size = match header.entry_type() {
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader => {
                header.entry_size()?
            }
            // These have no content; some writers give them the size of their file all the same.
            EntryType::Link
            | EntryType::Symlink
            | EntryType::Char
            | EntryType::Block
            | EntryType::Directory
            | EntryType::Fifo => 0,
            _ => extensions.size.map_or_else(|| header.entry_size(), Ok)?,
        };
        match header.entry_type() {
            EntryType::GNULongName => extensions.path = Some(until_nul(extension(reader, size)?)),
            EntryType::GNULongLink => extensions.link = Some(until_nul(extension(reader, size)?)),
            EntryType::XHeader => extensions.read_pax(&extension(reader, size)?)?,
            EntryType::XGlobalHeader => {
                extension(reader, size)?;
            }
            EntryType::GNUSparse => {
                return Err(LayerError::Malformed("it holds a sparse file, which layers do not"));
            }
            kind => {
                let entry = std::mem::take(&mut extensions).into_entry(&header, kind, size)?;
                let mut content = reader.take(size);
                visit(ordinal, entry, &mut content)?;
                // What the visitor left, and the padding up to a whole block.
                let left = content.limit();
                skip(reader, left)?;
                skip(reader, padding(size)?)?;
                ordinal += 1;
            }
        }
    }
    Ok(())
}

fn next_header<R: Read>(reader: &mut R) -> Result<Option<Header>, LayerError> {
    let mut header = Header::new_old();
    let block = header.as_mut_bytes();
    let mut filled = 0;
    while filled < block.len() {
        match reader.read(&mut block[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(LayerError::Truncated),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(truncated_or(error)),
        }
    }
    if block.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    // The checksum is the sum of all bytes with its own field read as spaces.
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, &b)| if (148..156).contains(&at) { 32 } else { u32::from(b) })
        .sum();
    if header.cksum().ok() != Some(sum) {
        return Err(LayerError::Malformed(
            "it is not a tar archive: a header's checksum does not fit",
        ));
    }
    Ok(Some(header))
}

/// The content of an extension header, with its padding taken off the stream.
fn extension<R: Read>(reader: &mut R, size: u64) -> Result<Vec<u8>, LayerError> {
    if size > EXTENSION_LIMIT {
        return Err(LayerError::Malformed("a name or its attributes are larger than 1 MiB"));
    }
    let mut content = Vec::new();
    reader.take(size).read_to_end(&mut content).map_err(truncated_or)?;
    if content.len() as u64 != size {
        return Err(LayerError::Truncated);
    }
    skip(reader, padding(size)?)?;
    Ok(content)
}

/// The bytes from the end of a content to the next whole block.
fn padding(size: u64) -> Result<u64, LayerError> {
    let whole = size.checked_next_multiple_of(BLOCK);
    whole
        .map(|whole| whole - size)
        .ok_or(LayerError::Malformed("an entry's size is impossible"))
}

fn skip<R: Read>(reader: &mut R, count: u64) -> Result<(), LayerError> {
    let copied = io::copy(&mut reader.take(count), &mut io::sink()).map_err(truncated_or)?;
    if copied == count {
        Ok(())
    } else {
        Err(LayerError::Truncated)
    }
}

/// A decompressor that runs out of input says so by this kind.
pub(super) fn truncated_or(error: io::Error) -> LayerError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        LayerError::Truncated
    } else {
        LayerError::Io(error)
    }
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = name.iter().position(|&b| b == 0) {
        name.truncate(end);
    }
    name
}

impl Extensions {
    /// Records are `LENGTH KEY=VALUE\n`, the length counting the whole record.
    fn read_pax(&mut self, mut rest: &[u8]) -> Result<(), LayerError> {
        const BROKEN: LayerError = LayerError::Malformed("an extended header is broken");
        while !rest.is_empty() {
            let space = rest.iter().position(|&b| b == b' ').ok_or(BROKEN)?;
            let length: usize = parse(&rest[..space]).ok_or(BROKEN)?;
            let record = rest
                .get(space + 1..length)
                .and_then(|r| r.strip_suffix(b"\n"))
                .ok_or(BROKEN)?;
            let equals = record.iter().position(|&b| b == b'=').ok_or(BROKEN)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(parse(value).ok_or(BROKEN)?),
                b"uid" => self.uid = Some(parse(value).ok_or(BROKEN)?),
                b"gid" => self.gid = Some(parse(value).ok_or(BROKEN)?),
                _ => {
                    if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
                        self.xattrs.insert(name.to_vec(), value.to_vec());
                    }
                }
            }
            rest = &rest[length..];
        }
        Ok(())
    }

    fn into_entry(self, header: &Header, kind: EntryType, size: u64) -> Result<Entry, LayerError> {
        let device = if kind.is_character_special() || kind.is_block_special() {
            (header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0))
        } else {
            (0, 0)
        };
        Ok(Entry {
            kind,
            path: self.path.unwrap_or_else(|| header.path_bytes().into_owned()),
            link: self
                .link
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
                .unwrap_or_default(),
            mode: header.mode()? & 0o7777,
            uid: self.uid.map_or_else(|| header.uid(), Ok)?,
            gid: self.gid.map_or_else(|| header.gid(), Ok)?,
            size,
            device,
            xattrs: self.xattrs,
        })
    }
}

fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}
