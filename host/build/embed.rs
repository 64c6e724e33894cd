//! Lists the files that `updraft new` makes projects of, so that the binary alone can do it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Below the repository's root: the templates, the SDKs (of Rust's also what its manifest inherits), the contract.
const EMBEDDED: [&str; 6] =
    ["Cargo.toml", "guest/javascript", "guest/python", "guest/sdk", "guest/templates", "wit/v0.1"];
/// What tools leave beside sources.
const LEFTOVERS: [&str; 4] = ["__pycache__", "node_modules", "target", ".DS_Store"];

/// Writes `embedded.rs` into `out`: pairs of a path below `house` and the file's text, in order.
pub fn embed(house: &Path, out: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for path in EMBEDDED {
        collect(house.join(path), &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(house).map_err(io::Error::other)?;
        let (name, file) = name.to_str().zip(file.to_str()).ok_or_else(|| io::Error::other("not UTF-8"))?;
        writeln!(list, "    ({name:?}, include_str!({file:?})),").map_err(io::Error::other)?;
    }
    fs::write(out.join("embedded.rs"), list + "]\n")
}

fn collect(path: PathBuf, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path);
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !LEFTOVERS.iter().any(|leftover| entry.file_name() == *leftover) {
            collect(entry.path(), files)?;
        }
    }
    Ok(())
}
