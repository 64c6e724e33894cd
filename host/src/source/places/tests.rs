//! What is promised of finding files again.

use super::*;
use crate::source::discover::Discovery;
use proptest::prelude::*;

/// A look in two steps: files may be renamed between them.
fn settle(root: &Path, files: Vec<Found>, sought: Vec<Sought>) -> Places {
    let mut search = Search::new(root, sought);
    let rest = files.into_iter().filter_map(|found| search.where_it_was(found)).collect();
    search.settle(rest)
}

/// A folder of log files, the streams that are known of it, and which content each has.
struct Folder {
    dir: tempfile::TempDir,
    sought: Vec<Sought>,
    contents: HashMap<StreamId, String>,
}

impl Folder {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("folder"), sought: Vec::new(), contents: HashMap::new() }
    }

    fn path(&self, rel: &str) -> PathBuf {
        self.dir.path().join(rel)
    }

    fn write(&self, rel: &str, text: &str) {
        let path = self.path(rel);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs::write(path, text).expect("it can be written");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::create_dir_all(self.path(to).parent().expect("a folder")).expect("folder");
        fs::rename(self.path(from), self.path(to)).expect("it can be renamed");
    }

    /// A look: what is found belongs to streams from then on.
    fn look(&mut self) -> Places {
        let include = ["**/*".to_owned()];
        let exclude = ["**/.*".to_owned(), "**/*.old".to_owned()];
        let discovery = Discovery::new(self.dir.path(), &include, &exclude).expect("patterns");
        let places = settle(self.dir.path(), discovery.scan().files, self.sought.clone());
        let sought = std::mem::take(&mut self.sought);
        for (mut sought, (id, fate)) in sought.into_iter().zip(&places.fates) {
            assert_eq!(sought.id, *id);
            let (found, seen) = match fate {
                Fate::Still => {
                    self.sought.push(sought);
                    continue;
                }
                Fate::Same(found) => (&**found, None),
                Fate::Grew(it) | Fate::Copied(it) => (&it.0, Some(&it.1)),
                Fate::Absent | Fate::Repeated | Fate::Replaced | Fate::Unknown => continue,
            };
            (sought.rel, sought.abs) = (found.rel.as_str().into(), found.abs.as_path().into());
            if let Some(seen) = seen {
                (sought.identity, sought.size) = (seen.identity.clone(), seen.size);
                sought.stamp = Some(seen.stamp);
            }
            self.sought.push(sought);
        }
        for (found, seen) in &places.new {
            let id = self.contents.len() as StreamId;
            self.contents.insert(id, fs::read_to_string(&found.abs).expect("it is there"));
            self.sought.push(Sought {
                id,
                rel: found.rel.as_str().into(),
                abs: found.abs.as_path().into(),
                is_there: true,
                identity: seen.identity.clone(),
                size: seen.size,
                stamp: Some(seen.stamp),
                acknowledged: seen.size,
            });
        }
        places
    }

    /// Where each stream is, by its id.
    fn places(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.sought.iter().map(|sought| (sought.id, &*sought.rel)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, rel)| rel).collect()
    }
}

fn long(seed: &str) -> String {
    format!("{seed} {}\n", "x".repeat(2000))
}

#[test]
fn a_chain_of_renames_and_a_new_file_are_told_apart_in_one_look() {
    let mut folder = Folder::new();
    folder.write("a.log", "newest\n");
    folder.write("a.log.1", "older\n");
    folder.look();
    folder.rename("a.log.1", "a.log.2");
    folder.rename("a.log", "a.log.1");
    folder.write("a.log", "new\n");
    let places = folder.look();
    assert_eq!(places.new.len(), 1);
    assert_eq!(folder.places(), ["a.log.1", "a.log.2", "a.log"]);
}

#[test]
fn files_that_are_renamed_between_the_listing_and_the_look_are_no_others() {
    for [newest, older] in [[long("newest"), long("older")], ["newest\n".to_owned(), "older\n".to_owned()]] {
        let mut folder = Folder::new();
        folder.write("a.log", &newest);
        folder.write("a.log.1", &older);
        folder.look();
        let everything = Discovery::new(folder.dir.path(), &["**/*".to_owned()], &[]).expect("patterns");
        let listed = everything.scan().files;
        folder.rename("a.log.1", "a.log.2");
        folder.rename("a.log", "a.log.1");
        folder.write("a.log", "new\n");

        let places = settle(folder.dir.path(), listed, folder.sought.clone());

        let taken_for_gone =
            places.fates.iter().any(|(_, fate)| matches!(fate, Fate::Replaced | Fate::Repeated));
        assert!(!taken_for_gone && places.new.is_empty(), "{places:?}");
        assert_eq!(folder.look().new.len(), 1);
        assert_eq!(folder.places(), ["a.log.1", "a.log.2", "a.log"]);
    }
}

#[test]
fn a_look_during_which_files_were_renamed_knows_that_it_was_torn() {
    let mut folder = Folder::new();
    folder.write("known.log", &long("known"));
    assert!(!folder.look().torn);
    folder.write("new.log", &long("new"));
    let discovery = Discovery::new(folder.dir.path(), &["**/*.log".to_owned()], &[]).expect("patterns");
    for moved in ["known.log", "new.log"] {
        let listed = discovery.scan().files;
        assert!(!settle(folder.dir.path(), discovery.scan().files, folder.sought.clone()).torn);
        folder.rename(moved, "elsewhere.old");
        assert!(settle(folder.dir.path(), listed, folder.sought.clone()).torn, "{moved}");
        folder.rename("elsewhere.old", moved);
    }
}

#[test]
fn two_files_that_change_names_stay_who_they_are() {
    let mut folder = Folder::new();
    folder.write("a.log", "a\n");
    folder.write("b.log", "b\n");
    folder.look();
    folder.rename("a.log", "c");
    folder.rename("b.log", "a.log");
    folder.rename("c", "b.log");
    assert!(folder.look().new.is_empty());
    assert_eq!(folder.places(), ["b.log", "a.log"]);
}

#[test]
fn a_file_that_is_renamed_out_of_the_patterns_is_followed_there() {
    let mut folder = Folder::new();
    folder.write("d/a.log", "a\n");
    folder.look();
    folder.rename("d/a.log", "d/a.old");
    folder.look();
    assert_eq!(folder.places(), ["d/a.old"]);
    folder.write("d/a.old", "a\nmore\n");
    let places = folder.look();
    assert!(matches!(&places.fates[..], [(0, Fate::Grew(it))] if it.1.size == 7));
    folder.rename("d/a.old", "d/b.old");
    folder.look();
    assert_eq!(folder.places(), ["d/b.old"]);
}

#[test]
fn a_rename_into_another_folder_is_followed() {
    let mut folder = Folder::new();
    folder.write("a.log", "a\n");
    folder.look();
    folder.rename("a.log", "archive/2026/a.log");
    assert!(folder.look().new.is_empty());
    assert_eq!(folder.places(), ["archive/2026/a.log"]);
}

#[test]
fn a_truncated_file_goes_on_in_its_copy() {
    for copy in ["a.log.1", "a.old"] {
        let mut folder = Folder::new();
        folder.write("a.log", &long("first"));
        folder.look();
        fs::copy(folder.path("a.log"), folder.path(copy)).expect("it can be copied");
        folder.write("a.log", "second\n");
        let places = folder.look();
        assert_eq!(places.new.len(), 1, "the file that was truncated");
        assert_eq!(folder.places(), [copy, "a.log"]);
    }
}

#[test]
fn a_copy_is_held_back_while_the_original_is_there_and_the_same() {
    let mut folder = Folder::new();
    folder.write("a.log", &(long("first") + &long("more")));
    folder.look();
    folder.write("a.log.1", &long("first"));
    let places = folder.look();
    assert_eq!((places.new.len(), places.alike.len()), (0, 1));
    folder.write("a.log.1", &(long("first") + &long("less")));
    let places = folder.look();
    assert_eq!((places.new.len(), places.alike.len()), (1, 0), "it goes on otherwise");
}

#[test]
fn a_short_file_that_was_truncated_goes_on_in_a_copy_that_has_its_name() {
    let mut folder = Folder::new();
    folder.write("a.log", "first\n");
    folder.look();
    folder.write("a.log.1", "first\n");
    let places = folder.look();
    assert_eq!((places.new.len(), places.alike.len()), (0, 1), "held back");
    folder.write("a.log.1", "first\nand more before it was copied\n");
    folder.write("a.log", "");
    assert!(folder.look().new.is_empty());
    assert_eq!(folder.places(), ["a.log.1"]);
}

#[test]
fn a_short_file_is_nobodys_copy_under_another_name() {
    let mut folder = Folder::new();
    folder.write("a.log", "the same\n");
    folder.look();
    folder.write("b.log", "the same\n");
    folder.write("a.log", "another\n");
    let places = folder.look();
    assert_eq!((places.new.len(), places.alike.len()), (2, 0));
    assert!(matches!(places.fates[..], [(0, Fate::Repeated)]), "all that was seen of it is in the other");
}

#[test]
fn an_empty_file_is_not_begun() {
    let mut folder = Folder::new();
    folder.write("a.log", "");
    assert!(folder.look().new.is_empty());
    folder.write("a.log", "a\n");
    assert_eq!(folder.look().new.len(), 1);
}

#[test]
fn a_second_name_of_the_same_file_is_held_back() {
    let mut folder = Folder::new();
    folder.write("a.log", "a\n");
    folder.look();
    fs::hard_link(folder.path("a.log"), folder.path("b.log")).expect("a link");
    let places = folder.look();
    assert_eq!((places.new.len(), places.alike.len()), (0, 1));
    fs::remove_file(folder.path("a.log")).expect("it is there");
    assert!(folder.look().new.is_empty());
    assert_eq!(folder.places(), ["b.log"], "a rename by another way");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_is_renamed_to_whatever_each_stream_keeps_its_content(
        rounds in prop::collection::vec(prop::collection::vec((0..8_usize, 0..8_usize), 0..6), 1..5),
    ) {
        let names = ["a", "b", "c", "d/a", "d/b", "e/a", "a.old", "d/b.old"];
        let mut folder = Folder::new();
        let mut next = 0;
        for renames in rounds {
            for (from, to) in renames {
                let (from, to) = (names[from], names[to]);
                if !folder.path(from).exists() {
                    next += 1;
                    folder.write(from, &format!("content {next}\n"));
                } else if from != to {
                    folder.rename(from, to);
                }
            }
            let before: HashSet<String> =
                folder.sought.iter().map(|it| folder.contents[&it.id].clone()).collect();
            let places = folder.look();
            for sought in &folder.sought {
                let there = fs::read_to_string(&sought.abs).expect("it is there");
                prop_assert_eq!(&there, &folder.contents[&sought.id]);
            }
            for (found, _) in &places.new {
                let text = fs::read_to_string(&found.abs).expect("it is there");
                prop_assert!(!before.contains(&text), "{text} was known before");
            }
        }
    }
}
