//! What can go wrong between cachemount and a builder.

use thiserror::Error;

use crate::builder::BuildRecord;

/// Why a build, or a question to a builder, failed. Texts are fragments that read after "failed to …:".
#[derive(Debug, Error)]
pub enum BuildError {
    /// A step of the Dockerfile failed, or the builder refused it.
    #[error("{message}")]
    Failed {
        /// What the builder said.
        message: String,
        /// What ran until then.
        record: Box<BuildRecord>,
    },
    /// Ctrl-C or a termination signal.
    #[error("interrupted")]
    Interrupted,
    /// No builder answers and none can be started.
    #[error("{0}")]
    NoBuilder(String),
    /// The client program could not be run or its output not be read.
    #[error("cannot use the builder: {0}")]
    Client(String),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
