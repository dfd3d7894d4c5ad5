//! Ctrl-C, SIGTERM and SIGHUP: builds end, and what was started is taken down by its owner.
//!
//! The first signal asks: running builds return [`BuildError::Interrupted`](crate::BuildError), the caller unwinds and
//! drops its engine. A second one takes the grace period away from build clients. A third ends this process at once;
//! even then a private engine is taken down, because its supervisor does that when we are gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Once, OnceLock};

/// How many signals came so far.
static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// The exit code of a program that was ended by Ctrl-C, as shells count it.
const EXIT_INTERRUPTED: i32 = 130;

/// Begins to listen; further calls do nothing.
///
/// # Errors
/// When the handler cannot be set, for one because the program has set its own with the same library.
pub fn install() -> Result<(), std::io::Error> {
    static ONCE: Once = Once::new();
    static FAILURE: OnceLock<String> = OnceLock::new();
    ONCE.call_once(|| {
        let handler = || {
            if SIGNALS.fetch_add(1, Ordering::SeqCst) >= 2 {
                std::process::exit(EXIT_INTERRUPTED);
            }
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            // Nobody else sets it: the cell is written once, here.
            let _ = FAILURE.set(error.to_string());
        }
    });
    match FAILURE.get() {
        None => Ok(()),
        Some(text) => Err(std::io::Error::other(format!("cannot listen for Ctrl-C: {text}"))),
    }
}

/// A signal came.
#[must_use]
pub fn requested() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 0
}

/// More than one signal came: do not be polite any more.
#[must_use]
pub fn insisted() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 1
}
