//! Compiled components, kept for the next start: by wasmtime's own cache, in a folder of the data dir.
//!
//! What lies there is machine code, and no sandbox is around it. So the folder is ours alone or is not used; and since
//! wasmtime puts no checksum into its files, each has a seal beside it: code that is not as it was written is compiled
//! anew. Nothing that is wrong here keeps anybody from starting.

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use walkdir::WalkDir;
use wasmtime::CacheConfig;

/// Folder of the data dir.
pub const FOLDER: &str = "components";
/// In it, what wasmtime writes. It deletes there what it does not know.
const CODE: &str = "code";
/// In it, one file for each component: lines of hash and path below [`CODE`], as `sha256sum` writes them.
const SEALS: &str = "seals";
/// In it, what the processes that use it lock.
const LOCK: &str = "lock";
/// Beyond this, what was not used for long is deleted. The code of a Python component takes 12 MiB.
const MOST_BYTES: u64 = 256 << 20;
/// The same for files.
const MOST_FILES: u64 = 256;

/// Compiled components, kept for the next start.
pub struct Cache {
    wasmtime: wasmtime::Cache,
    code: PathBuf,
    seals: PathBuf,
    turn: Mutex<()>,
    /// `validate` and the like may use the folder while a host does.
    lock: File,
}

/// Nobody else uses the folder, until this is dropped.
struct Alone<'a> {
    _here: MutexGuard<'a, ()>,
    elsewhere: Option<&'a File>,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        // Closing it would do it, too.
        let _ = self.elsewhere.map(File::unlock);
    }
}

impl Cache {
    /// In a data dir. None, with a warning, where there can be none.
    pub fn open(data_dir: &Path) -> Option<Self> {
        let folder = data_dir.join(FOLDER);
        Self::at(&folder)
            .inspect_err(|why| {
                tracing::warn!(folder = %folder.display(),
                    "compiled components are not kept, so that each start compiles them: {why}");
            })
            .ok()
    }

    fn at(folder: &Path) -> Result<Self, String> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(format!("it cannot be made: {error}"));
            }
            _ => is_ours(folder)?,
        }
        let folder = folder.canonicalize().map_err(|error| error.to_string())?;
        let (code, seals) = (folder.join(CODE), folder.join(SEALS));
        for inner in [&code, &seals] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(inner);
            made.map_err(|error| format!("{} cannot be made: {error}", inner.display()))?;
        }
        let mut config = CacheConfig::new();
        config
            .with_directory(&code)
            .with_files_total_size_soft_limit(MOST_BYTES)
            .with_file_count_soft_limit(MOST_FILES)
            // What is compressed anew would have no seal, and costs minutes of a processor.
            .with_optimized_compression_usage_counter_threshold(u64::MAX);
        let wasmtime = wasmtime::Cache::new(config).map_err(|error| format!("{error:#}"))?;
        let lock = File::options().write(true).create(true).truncate(false).open(folder.join(LOCK));
        let lock = lock.map_err(|error| format!("its lock cannot be opened: {error}"))?;
        let cache = Self { wasmtime, code, seals, turn: Mutex::new(()), lock };
        cache.tidy().map_err(|error| format!("it cannot be looked through: {error}"))?;
        Ok(cache)
    }

    /// For the engine.
    pub fn wasmtime(&self) -> wasmtime::Cache {
        self.wasmtime.clone()
    }

    /// Whether there is code of this component, as far as can be told without looking into it.
    pub fn knows(&self, component: &str) -> bool {
        self.sealed(component).keys().any(|path| self.code.join(path).exists())
    }

    /// Runs what compiles the component of this hash, or finds it compiled; true: it was.
    pub fn keep<T>(&self, component: &str, compile: impl FnOnce() -> T) -> (T, bool) {
        let _alone = self.alone();
        for (path, seal) in self.sealed(component) {
            let file = self.code.join(&path);
            if file.exists() && hash(&file).is_none_or(|hash| hash != seal) {
                tracing::debug!(path, "compiled code is not as it was written, and is thrown away");
                let _ = fs::remove_file(file);
            }
        }
        let before = self.wasmtime.cache_hits();
        let compiled = compile();
        let found = self.wasmtime.cache_hits() > before;
        if !found && let Err(error) = self.seal(component) {
            tracing::warn!("a compiled component cannot be kept for the next start: {error}");
        }
        (compiled, found)
    }

    /// Waits for who uses it.
    fn alone(&self) -> Alone<'_> {
        let here = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // A file system without locks is one that nobody else is on, as a rule.
        let elsewhere = self.lock.lock().is_ok().then_some(&self.lock);
        Alone { _here: here, elsewhere }
    }

    /// Deletes code without a seal (a kill came between, or the disk was full) and seals without code.
    fn tidy(&self) -> io::Result<()> {
        let _alone = self.alone();
        let mut sealed = HashSet::new();
        for entry in fs::read_dir(&self.seals)? {
            let path = entry?.path();
            let files = read(&path);
            if files.keys().any(|file| self.code.join(file).exists()) {
                sealed.extend(files.into_keys());
            } else {
                fs::remove_file(path)?;
            }
        }
        self.files()
            .filter(|file| !sealed.contains(file))
            .try_for_each(|it| fs::remove_file(self.code.join(it)))
    }

    /// Seals what is there of a component now: what nobody has sealed must be its own.
    fn seal(&self, component: &str) -> io::Result<()> {
        let mut others = HashSet::new();
        for entry in fs::read_dir(&self.seals)? {
            let entry = entry?;
            if entry.file_name() != component {
                others.extend(read(&entry.path()).into_keys());
            }
        }
        let own = self.files().filter(|file| !others.contains(file));
        let lines = own.filter_map(|file| Some(format!("{}  {file}\n", hash(&self.code.join(&file))?)));
        let lines: String = lines.collect();
        if lines.is_empty() {
            return Ok(());
        }
        let new = self.seals.join(format!("{component}.new"));
        fs::write(&new, lines)?;
        fs::rename(&new, self.seals.join(component))
    }

    fn sealed(&self, component: &str) -> HashMap<String, String> {
        read(&self.seals.join(component))
    }

    /// The files with code, by their paths below [`CODE`]: `modules/COMPILER/NAME`.
    fn files(&self) -> impl Iterator<Item = String> {
        let all = WalkDir::new(&self.code).min_depth(3).max_depth(3).into_iter().filter_map(Result::ok);
        let code =
            all.filter(|it| it.file_type().is_file() && it.path().extension() != Some("stats".as_ref()));
        code.filter_map(|it| Some(it.path().strip_prefix(&self.code).ok()?.to_str()?.to_owned()))
    }
}

/// The folder is there, and what lies in it was written by us alone.
pub fn is_ours(folder: &Path) -> Result<(), String> {
    let about = fs::symlink_metadata(folder).map_err(|error| error.to_string())?;
    let (mode, owner, us) = (about.mode() & 0o7777, about.uid(), geteuid().as_raw());
    if !about.is_dir() {
        return Err("it is no folder; delete it".to_owned());
    }
    if owner != us {
        return Err(format!("it belongs to user {owner}, and this is user {us}; delete it"));
    }
    if mode & 0o077 != 0 {
        return Err(format!("others may use it (mode {mode:04o}), and code in it is run; delete it"));
    }
    Ok(())
}

/// A seal: hashes by path. What cannot be read is none.
fn read(seal: &Path) -> HashMap<String, String> {
    let text = fs::read_to_string(seal).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    lines.map(|(hash, path)| (path.to_owned(), hash.to_owned())).collect()
}

fn hash(file: &Path) -> Option<String> {
    Some(hex::encode(Sha256::digest(fs::read(file).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o7777
    }

    #[test]
    fn the_folder_is_for_our_user_alone() {
        let data = tempfile::tempdir().expect("folder");
        assert!(Cache::open(data.path()).is_some());
        assert_eq!(mode(&data.path().join(FOLDER)), 0o700);
        assert!(Cache::open(data.path()).is_some(), "it is ours the second time, too");
    }

    #[test]
    fn a_folder_that_others_may_write_or_have_put_there_is_not_used() {
        let data = tempfile::tempdir().expect("folder");
        let folder = data.path().join(FOLDER);
        for mode in [0o770, 0o701, 0o707, 0o740] {
            DirBuilder::new().mode(0o700).create(&folder).expect("folder");
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("mode");
            assert!(Cache::open(data.path()).is_none(), "{mode:o}");
            assert_eq!(
                fs::read_dir(&folder).expect("folder").count(),
                0,
                "{mode:o}: nothing is written there"
            );
            fs::remove_dir(&folder).expect("removed");
        }
        let theirs = tempfile::tempdir().expect("folder");
        symlink(theirs.path(), &folder).expect("link");
        assert!(Cache::open(data.path()).is_none(), "a link leads elsewhere");
        fs::remove_file(&folder).expect("removed");
        fs::write(&folder, "").expect("file");
        assert!(Cache::open(data.path()).is_none(), "a file is no folder");
    }

    #[test]
    fn where_nothing_can_be_written_there_is_no_cache_and_no_error() {
        assert!(Cache::open(Path::new("/proc/nowhere")).is_none());
    }

    #[test]
    fn code_without_a_seal_is_deleted_and_so_is_a_seal_without_code() {
        let data = tempfile::tempdir().expect("folder");
        let cache = Cache::open(data.path()).expect("a cache");
        let compiler = cache.code.join("modules/wasmtime");
        fs::create_dir_all(&compiler).expect("folder");
        fs::write(compiler.join("whole"), "code").expect("file");
        cache.seal("component").expect("sealed");
        fs::write(compiler.join("unsealed"), "co").expect("file");
        fs::write(compiler.join("whole.wip-atomic-write-mod"), "co").expect("file");
        fs::write(compiler.join("whole.stats"), "").expect("file");
        fs::write(cache.seals.join("gone"), "00  modules/wasmtime/gone\n").expect("file");

        let cache = Cache::open(data.path()).expect("a cache");
        assert_eq!(cache.files().collect::<Vec<_>>(), ["modules/wasmtime/whole"]);
        assert!(compiler.join("whole.stats").exists() && !cache.seals.join("gone").exists());
        assert!(cache.knows("component") && !cache.knows("gone"));
    }

    #[test]
    fn code_is_found_as_it_was_written_or_not_at_all() {
        let data = tempfile::tempdir().expect("folder");
        let cache = Cache::open(data.path()).expect("a cache");
        let code = cache.code.join("modules/wasmtime/code");
        let compile = || {
            fs::create_dir_all(code.parent().expect("a folder")).expect("folder");
            fs::write(&code, "code").expect("file");
        };
        cache.keep("component", compile);
        let kept = |cache: &Cache| cache.keep("component", || code.exists()).0;
        assert!(kept(&cache));
        fs::write(&code, "c0de").expect("file");
        assert!(!kept(&cache));
        compile();
        fs::remove_file(cache.seals.join("component")).expect("removed");
        assert!(!kept(&Cache::open(data.path()).expect("a cache")));
    }
}
