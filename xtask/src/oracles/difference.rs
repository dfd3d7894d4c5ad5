//! A disagreement between our parsers and another.

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Whether `parse-dockerfile` takes the file too.
    File,
    /// The instructions of a file that both take.
    Instructions,
    /// The text of a `RUN` of a file that both take.
    RunText,
    /// Whether `bash -n` takes the shell text too.
    Bash,
    /// Whether brush takes the shell text too.
    Brush,
    /// The simple commands of a shell text that both take.
    Commands,
}

impl Kind {
    /// For the table.
    pub const fn title(self) -> &'static str {
        match self {
            Self::File => "file accepted, against parse-dockerfile",
            Self::Instructions => "instructions, against parse-dockerfile",
            Self::RunText => "text of RUN, against parse-dockerfile",
            Self::Bash => "shell text accepted, against bash -n",
            Self::Brush => "shell text accepted, against brush",
            Self::Commands => "simple commands, against brush",
        }
    }

    /// All, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::File,
        Self::Instructions,
        Self::RunText,
        Self::Bash,
        Self::Brush,
        Self::Commands,
    ];
}

/// One disagreement.
#[derive(Debug, Clone)]
pub struct Difference {
    /// What disagrees.
    pub kind: Kind,
    /// The file, relative to the corpus.
    pub file: String,
    /// The 1-based line.
    pub line: usize,
    /// What we say: a message, a text, a command; "accepts".
    pub ours: String,
    /// What the other says.
    pub theirs: String,
    /// The text that is judged: the instruction, or what the shell gets.
    pub text: String,
    /// The program that `SHELL` or the base image names for the text; empty for the default.
    pub shell: String,
    /// The commands that only the other finds, each with the kind of place it stands in.
    pub hidden: Vec<&'static str>,
}

/// The verdict of a parser that takes a text.
pub const ACCEPTS: &str = "accepts";

impl Difference {
    /// We take it, the other does not.
    pub fn only_ours(&self) -> bool {
        self.ours == ACCEPTS && self.theirs != ACCEPTS
    }

    /// The other takes it, we do not.
    pub fn only_theirs(&self) -> bool {
        self.theirs == ACCEPTS && self.ours != ACCEPTS
    }
}
