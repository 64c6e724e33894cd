//! What discovery promises.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use super::*;

const TASKS_ONLY: [&str; 4] = ["scheduler/**", "dag_processor*/**", "**/.*", ".*/**"];

fn touch(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("below the root")).expect("folder");
        fs::write(path, "x\n").expect("file");
    }
}

fn discovery(root: &Path, include: &[&str], exclude: &[&str]) -> Discovery {
    let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
    Discovery::new(root, &owned(include), &owned(exclude)).expect("patterns")
}

fn names(scan: &Scan) -> Vec<&str> {
    assert!(scan.unreadable.is_empty(), "{:?}", scan.unreadable);
    scan.files.iter().map(|found| &*found.rel).collect()
}

#[test]
fn the_default_patterns_find_task_logs_only() {
    let root = tempfile::tempdir().expect("folder");
    touch(
        root.path(),
        &[
            "dag_id=a/run_id=b/task_id=c/attempt=1.log",
            "custom/1.txt",
            "top.log",
            "scheduler/2026-11-21/d.py.log",
            "dag_processor/2026-11-21/d.py.log",
            "dag_processor_manager/dag_processor_manager.log",
            ".hidden/x.log",
            "custom/.swp",
            "custom/.hidden/x.log",
            ".updraft/cursors.db",
        ],
    );
    let scan = discovery(root.path(), &["**/*"], &TASKS_ONLY).scan();
    assert_eq!(names(&scan), ["custom/1.txt", "dag_id=a/run_id=b/task_id=c/attempt=1.log", "top.log"]);
    let found = &scan.files[2];
    assert_eq!((found.abs.clone(), found.metadata.len()), (root.path().join("top.log"), 2));
}

#[test]
fn the_data_dir_is_never_a_stream_even_when_nothing_is_excluded() {
    let root = tempfile::tempdir().expect("folder");
    touch(root.path(), &[".updraft/cursors.db", "scheduler/a.log", ".x"]);
    let all = discovery(root.path(), &["**/*"], &[]);
    assert_eq!(names(&all.scan()), [".x", "scheduler/a.log"]);
    assert!(!all.matches(".updraft/cursors.db"));
}

#[test]
fn a_star_stays_within_a_folder() {
    let only = discovery(Path::new("/logs"), &["dag_id=*/*.log"], &["**/x*.log"]);
    assert!(only.matches("dag_id=a/b.log"));
    assert!(!only.matches("dag_id=a/c/b.log"));
    assert!(!only.matches("dag_id=a/xb.log"));
}

#[test]
fn a_bad_pattern_is_an_error() {
    assert!(Discovery::new(Path::new("/"), &["a[".to_owned()], &[]).is_err());
    assert!(Discovery::new(Path::new("/"), &[], &["{a".to_owned()]).is_err());
}

#[test]
fn a_link_to_something_inside_is_found_under_its_real_name_only() {
    let root = tempfile::tempdir().expect("folder");
    touch(root.path(), &["scheduler/2026-11-21/d.log"]);
    symlink("2026-11-21", root.path().join("scheduler/latest")).expect("link");
    symlink("scheduler/2026-11-21/d.log", root.path().join("d.log")).expect("link");
    assert_eq!(names(&discovery(root.path(), &["**/*"], &[]).scan()), ["scheduler/2026-11-21/d.log"]);
}

#[test]
fn a_root_that_is_itself_a_link_is_looked_through() {
    let parent = tempfile::tempdir().expect("folder");
    touch(parent.path(), &["real/a.log", "real/b/c.log"]);
    symlink("real", parent.path().join("logs")).expect("link");
    symlink("b", parent.path().join("real/latest")).expect("link");
    let scan = discovery(&parent.path().join("logs"), &["**/*"], &[]).scan();
    assert_eq!(names(&scan), ["a.log", "b/c.log"]);
    assert_eq!(scan.files[0].abs, parent.path().join("logs/a.log"));
}

#[test]
fn links_out_of_the_root_are_followed_and_each_target_comes_once() {
    let parent = tempfile::tempdir().expect("folder");
    touch(parent.path(), &["logs/own.log", "volume/dag_id=x/1.log", "volume/dag_id=x/2.log"]);
    let logs = parent.path().join("logs");
    symlink("../volume", logs.join("mnt")).expect("link");
    symlink("../volume", logs.join("mnt-again")).expect("link");
    symlink("../volume/dag_id=x/1.log", logs.join("one.log")).expect("link");
    let scan = discovery(&logs, &["**/*"], &[]).scan();
    assert_eq!(names(&scan), ["mnt/dag_id=x/1.log", "mnt/dag_id=x/2.log", "own.log"]);
}

#[test]
fn loops_of_links_end() {
    let parent = tempfile::tempdir().expect("folder");
    touch(parent.path(), &["logs/a.log", "outside/b.log"]);
    let (logs, outside) = (parent.path().join("logs"), parent.path().join("outside"));
    symlink("..", logs.join("up")).expect("link to an ancestor of the root");
    symlink(&outside, outside.join("self")).expect("link to its own folder");
    symlink("loop", logs.join("loop")).expect("link to itself");
    symlink("nowhere", logs.join("dangling")).expect("link to nothing");
    let scan = discovery(&logs, &["**/*"], &[]).scan();
    let found: Vec<_> = scan.files.iter().map(|found| &*found.rel).collect();
    assert_eq!(found, ["a.log", "up/outside/b.log"]);
    assert_eq!(scan.unreadable.len(), 1, "only the link to itself: {:?}", scan.unreadable);
}

#[test]
fn what_is_no_regular_file_is_no_stream() {
    let root = tempfile::tempdir().expect("folder");
    touch(root.path(), &["a.log"]);
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).expect("socket");
    symlink("/dev/null", root.path().join("null")).expect("link");
    assert_eq!(names(&discovery(root.path(), &["**/*"], &[]).scan()), ["a.log"]);
}

#[test]
fn a_folder_that_cannot_be_read_is_reported_and_the_rest_found() {
    let root = tempfile::tempdir().expect("folder");
    touch(root.path(), &["closed/a.log", "open/b.log"]);
    let closed = root.path().join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("mode");
    let as_root = fs::read_dir(&closed).is_ok();
    let scan = discovery(root.path(), &["**/*"], &[]).scan();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("mode");
    assert_eq!(scan.unreadable.len(), usize::from(!as_root));
    assert!(scan.files.iter().any(|found| found.rel == "open/b.log"));
}

#[test]
fn a_root_that_is_not_there_is_reported() {
    let scan = discovery(Path::new("/nowhere/at/all"), &["**/*"], &[]).scan();
    assert!(scan.files.is_empty());
    assert_eq!(scan.unreadable[0].1.kind(), io::ErrorKind::NotFound);
}

#[test]
fn names_that_are_not_utf8_are_found_and_counted_and_each_is_another() {
    let root = tempfile::tempdir().expect("folder");
    let names_there = [&b"caf\xe8.log"[..], b"caf\xe9.log", br"caf\xE9.log", br"c:\xylophone.log"];
    for name in names_there {
        fs::write(root.path().join(OsStr::from_bytes(name)), "x").expect("file");
    }
    let scan = discovery(root.path(), &["**/*"], &[]).scan();
    assert_eq!(names(&scan), [r"c:\xylophone.log", r"caf\x5CxE9.log", r"caf\xE8.log", r"caf\xE9.log"]);
    assert_eq!(scan.not_utf8, 2);
    assert_eq!(scan.files[3].abs, root.path().join(OsStr::from_bytes(b"caf\xe9.log")));
}

/// What [`rel_of`] was given.
fn original(rel: &str) -> Vec<u8> {
    let (mut rest, mut path) = (rel.as_bytes(), Vec::new());
    while let Some((&first, after)) = rest.split_first() {
        if is_escape(rest) {
            path.push(u8::from_str_radix(&rel[rel.len() - rest.len() + 2..][..2], 16).expect("two digits"));
            rest = &rest[4..];
        } else {
            path.push(first);
            rest = after;
        }
    }
    path
}

proptest! {
    #[test]
    fn no_two_paths_are_written_the_same(
        path in prop::collection::vec(prop::sample::select(b"\\xxE95C\xe9\xc3\xa9\xff/a".as_slice()), 0..24),
    ) {
        let below = Path::new(OsStr::from_bytes(&path));
        prop_assert_eq!(original(&rel_of(below)), path.clone());
        let parts: Vec<_> =
            path.split(|&byte| byte == b'/').map(|part| rel_of(Path::new(OsStr::from_bytes(part)))).collect();
        prop_assert_eq!(parts.join("/"), rel_of(below), "folder by folder it is the same");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_scan_finds_exactly_the_files_that_match(
        paths in proptest::collection::btree_set("(scheduler/|dag_id=a/|\\.h/|x/){0,3}(a|\\.b|c\\.log)", 0..8),
    ) {
        let root = tempfile::tempdir().expect("folder");
        let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
        touch(root.path(), &paths);
        let discovery = discovery(root.path(), &["**/*"], &TASKS_ONLY);
        let expected: Vec<_> = paths.iter().copied().filter(|path| discovery.matches(path)).collect();
        let scan = discovery.scan();
        prop_assert_eq!(names(&scan), expected);
    }
}
