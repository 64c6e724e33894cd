//! `updraft new`: a component to begin with, as a project of its own.

mod name;
mod project;
mod sdk;
mod write;

use clap::{Args, ValueEnum};
use name::Name;
use std::path::PathBuf;
use write::WriteError;

/// There is something already.
const BAD_ARGUMENTS: u8 = 2;
/// The disk refuses.
const CANNOT_WRITE: u8 = 3;

/// Options of `new`.
#[derive(Debug, Clone, Args)]
pub struct New {
    /// What it does
    #[arg(value_enum)]
    pub kind: Kind,
    /// What it is called: lower-case letters, digits, `-` and `_`
    #[arg(value_parser = Name::parse)]
    pub name: Name,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    pub lang: Lang,
    /// Folder of the project; default: ./NAME
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

/// What a component does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Changes events: masks, enriches, drops or labels them
    Transform,
    /// Makes events of lines
    Normalizer,
    /// Names log groups, log streams and objects
    Router,
}

/// What a component is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Cargo builds it
    Rust,
    /// componentize-py builds it
    Python,
    /// componentize-js builds it
    Javascript,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Normalizer => "normalizer",
            Self::Router => "router",
        }
    }
}

impl Lang {
    fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Javascript => "javascript",
        }
    }
}

/// Writes the project, and prints what to do next.
pub fn new(options: &New) -> u8 {
    let folder = options.path.clone().unwrap_or_else(|| PathBuf::from(options.name.as_str()));
    let files = project::files(options.kind, options.lang, &options.name);
    if let Err(error) = write::write(&folder, &files) {
        anstream::eprintln!("updraft: {}: {error}", folder.display());
        return if matches!(error, WriteError::Taken(_)) { BAD_ARGUMENTS } else { CANNOT_WRITE };
    }
    let (kind, lang) = (options.kind.folder(), options.lang.folder());
    anstream::println!(
        "{} is the project of a {kind} in {lang}. Next, as its README.md says:\n",
        folder.display()
    );
    anstream::println!("    cd {}", folder.display());
    for line in project::commands(&files) {
        anstream::println!("    {line}");
    }
    0
}
