//! Results that leave the builder: images as archives, files of the final stage.

use std::path::Path;

use fs_err as fs;

use super::Buildx;
use crate::builder::{BuildEvent, BuildRecord, BuildRequest};
use crate::client::{self, Cause, Heed, ask, ask_to_tidy_up};
use crate::error::BuildError;

/// `type=KIND,dest=PATH`, as the option wants it: comma-separated values, quoted where needed.
pub(super) fn destination(kind: &str, path: &Path) -> Result<String, BuildError> {
    let Some(text) = path.to_str() else {
        return Err(BuildError::Client(format!(
            "the client cannot write to {}, which is no UTF-8 path",
            path.display()
        )));
    };
    let field = format!("dest={text}");
    Ok(if field.contains([',', '"', '\n', '\r']) {
        format!("type={kind},\"{}\"", field.replace('"', "\"\""))
    } else {
        format!("type={kind},{field}")
    })
}

impl Buildx {
    /// The files of the final stage. They come as one archive that is unpacked here: with very many files the client's
    /// own transfer of single files is known to stall (moby/buildkit#2950).
    pub(super) fn export_files(
        &self,
        request: &BuildRequest,
        folder: &Path,
        on_event: &mut dyn FnMut(BuildEvent),
    ) -> Result<BuildRecord, BuildError> {
        fs::create_dir_all(folder)?;
        let scratch = tempfile::tempdir_in(folder.parent().unwrap_or(folder))?;
        let archive = scratch.path().join("files.tar");
        let mut command = self.command(request)?;
        command.arg("--output").arg(destination("tar", &archive)?);
        let record = self.run(command, &request.context, on_event)?;
        let mut files = tar::Archive::new(fs::File::open(&archive)?);
        files.set_preserve_permissions(true);
        files.set_preserve_mtime(true);
        files.unpack(folder)?;
        Ok(record)
    }

    /// The image by way of the daemon's image store, from which it is removed again unless it was there before.
    pub(super) fn export_through_store(
        &self,
        request: &BuildRequest,
        archive: &Path,
        on_event: &mut dyn FnMut(BuildEvent),
    ) -> Result<BuildRecord, BuildError> {
        let scratch = tempfile::tempdir()?;
        let id_file = scratch.path().join("id");
        let known = self.images()?;
        let mut command = self.command(request)?;
        command.arg("--load").arg("--iidfile").arg(&id_file);
        let record = self.run(command, &request.context, on_event)?;
        let id = fs::read_to_string(&id_file)?.trim().to_owned();

        let saved = self.save(&id, archive);
        let removed = if known.contains(&id) {
            Ok(())
        } else {
            self.remove_image(&id)
        };
        saved.and(removed).map(|()| record)
    }

    fn images(&self) -> Result<Vec<String>, BuildError> {
        let list = ask(self.client.docker(&["image", "ls", "--all", "--quiet", "--no-trunc"]))?;
        Ok(list.lines().map(|line| line.trim().to_owned()).collect())
    }

    fn save(&self, id: &str, archive: &Path) -> Result<(), BuildError> {
        let mut command = self.client.docker(&["image", "save", "--output"]);
        command.arg(archive).arg(id);
        let mut complaint = Vec::new();
        let ended = client::run(
            command,
            None,
            Heed::First,
            &mut |bytes| complaint.extend_from_slice(bytes),
            &mut || {},
        )?;
        match ended.cause {
            Cause::Interrupted => Err(BuildError::Interrupted),
            _ if ended.status.success() => Ok(()),
            _ => Err(BuildError::Client(format!(
                "`docker image save` failed: {}",
                String::from_utf8_lossy(&complaint).trim()
            ))),
        }
    }

    fn remove_image(&self, id: &str) -> Result<(), BuildError> {
        ask_to_tidy_up(self.client.docker(&["image", "rm", id])).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_quoted_where_needed() {
        let cases = [
            ("/a b", "type=docker,dest=/a b"),
            ("/a,b", "type=docker,\"dest=/a,b\""),
            ("/a\"b", "type=docker,\"dest=/a\"\"b\""),
        ];
        for (path, option) in cases {
            assert_eq!(destination("docker", Path::new(path)).unwrap(), option);
        }
    }
}
