//! What a look at a file promises: told by a simple model of what somebody did to it.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use std::path::Path;

fn found(path: &Path) -> Found {
    let metadata = fs::metadata(path).expect("it is there");
    Found { abs: path.to_owned(), rel: "a.log".into(), metadata }
}

fn sought(path: &Path, seen: &Seen) -> Sought {
    Sought {
        id: 1,
        rel: "a.log".into(),
        abs: path.into(),
        is_there: true,
        identity: seen.identity.clone(),
        size: seen.size,
        stamp: Some(seen.stamp),
        acknowledged: 0,
    }
}

/// What somebody does to a file.
#[derive(Debug, Clone)]
enum Deed {
    Append(usize),
    /// `truncate` and write again, in place.
    Rewrite(usize),
    /// Delete, and make another: it may well have the same inode.
    Recreate(usize),
    /// The same, but the other is empty for a moment.
    RecreateEmptyFirst(usize),
    /// Another takes its place without a moment in between.
    RenameOver(usize),
    Touch,
}

fn deed() -> impl Strategy<Value = Deed> {
    let length = || prop_oneof![Just(20_usize), 20..60_usize, 1000..1100_usize, 1500..3000_usize];
    prop_oneof![
        length().prop_map(Deed::Append),
        length().prop_map(Deed::Rewrite),
        length().prop_map(Deed::Recreate),
        length().prop_map(Deed::RecreateEmptyFirst),
        length().prop_map(Deed::RenameOver),
        Just(Deed::Touch),
    ]
}

/// A file's bytes, and which of all that had its name it is.
struct Model {
    generation: u32,
    size: usize,
}

impl Model {
    /// No two begin alike, as no two logs do.
    fn begin(&mut self, size: usize) -> Vec<u8> {
        self.generation += 1;
        self.size = size;
        let mut bytes = format!("generation {:08}", self.generation).into_bytes();
        bytes.resize(size, b'.');
        bytes
    }

    fn does(&mut self, deed: &Deed, path: &Path) {
        match *deed {
            Deed::Append(length) => {
                let mut file = File::options().append(true).open(path).expect("it is there");
                file.write_all(&vec![b'+'; length]).expect("it can be written");
                self.size += length;
            }
            Deed::Rewrite(length) => fs::write(path, self.begin(length)).expect("it can be written"),
            Deed::Recreate(length) => {
                fs::remove_file(path).expect("it is there");
                fs::write(path, self.begin(length)).expect("it can be written");
            }
            Deed::RecreateEmptyFirst(length) => {
                fs::remove_file(path).expect("it is there");
                fs::write(path, "").expect("it can be written");
                fs::write(path, self.begin(length)).expect("it can be written");
            }
            Deed::RenameOver(length) => {
                let other = path.with_extension("new");
                fs::write(&other, self.begin(length)).expect("it can be written");
                fs::rename(other, path).expect("it can be renamed");
            }
            Deed::Touch => {
                let file = File::options().append(true).open(path).expect("it is there");
                file.set_modified(SystemTime::now()).expect("it can be dated");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_look_tells_a_generation_from_the_next_however_fast_they_follow(
        first in prop_oneof![20..60_usize, 1000..1100_usize],
        rounds in prop::collection::vec(prop::collection::vec(deed(), 0..4), 1..8),
    ) {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("a.log");
        let mut model = Model { generation: 0, size: 0 };
        fs::write(&path, model.begin(first)).expect("it can be written");
        let mut seen = identify(&found(&path)).expect("it can be read");
        let mut known = model.generation;
        for deeds in rounds {
            for deed in &deeds {
                model.does(deed, &path);
            }
            let sight = look(&found(&path), &sought(&path, &seen)).expect("it can be read");
            match sight {
                Sight::Same => {
                    prop_assert_eq!(known, model.generation);
                    prop_assert_eq!(seen.size, model.size as u64);
                }
                Sight::Grew(now) => {
                    prop_assert_eq!(known, model.generation);
                    prop_assert_eq!(now.size, model.size as u64);
                    prop_assert_eq!(&now.identity, &identify(&found(&path)).expect("it can be read").identity);
                    seen = now;
                }
                Sight::Other => {
                    prop_assert!(known != model.generation);
                    seen = identify(&found(&path)).expect("it can be read");
                    known = model.generation;
                }
            }
        }
    }
}

#[test]
fn a_file_that_nobody_touched_for_long_is_not_opened() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("a.log");
    fs::write(&path, "a line\n").expect("it can be written");
    let mut seen = identify(&found(&path)).expect("it can be read");
    seen.stamp.looked += BLURRED;
    let file = found(&path);
    let nowhere = Found { abs: dir.path().join("no such file"), ..file };
    assert_eq!(look(&nowhere, &sought(&path, &seen)).expect("not opened"), Sight::Same);
    seen.stamp.looked -= BLURRED;
    assert!(look(&nowhere, &sought(&path, &seen)).is_err(), "it was written just before we looked");
}

#[test]
fn a_volume_that_is_mounted_anew_has_the_same_files() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("a.log");
    fs::write(&path, "a line\n").expect("it can be written");
    let seen = identify(&found(&path)).expect("it can be read");
    let mut before = sought(&path, &seen);
    before.identity.device += 1;
    let sight = look(&found(&path), &before).expect("it can be read");
    assert!(matches!(sight, Sight::Grew(now) if now.identity == seen.identity));
}

#[test]
fn a_file_of_which_nothing_was_seen_is_another_on_another_device() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("a.log");
    fs::write(&path, "").expect("it can be written");
    let mut before = sought(&path, &identify(&found(&path)).expect("it can be read"));
    fs::write(&path, "a line\n").expect("it can be written");
    assert!(matches!(look(&found(&path), &before).expect("read"), Sight::Grew(now) if now.size == 7));
    before.identity.device += 1;
    assert_eq!(look(&found(&path), &before).expect("read"), Sight::Other);
}
