//! What looks at a folder promise, look by look.

use super::*;
use crate::config::ReadFrom;
use std::fs;
use std::sync::Mutex;

/// Sinks that have all they want, but for what is set here.
#[derive(Default)]
struct Sinks {
    under_way: Mutex<Range<u64>>,
    lost: Mutex<Vec<(u64, u64)>>,
    begun: Mutex<Vec<String>>,
}

impl Listener for Sinks {
    fn began(&self, stream: &Arc<Stream>, _: &[(String, CursorRow)]) {
        self.begun.lock().unwrap().push(stream.origin.path.clone());
    }
    fn changed(&self, _: &Arc<Stream>) {}
    fn looked(&self, _: usize) {}
    fn ended(&self, _: StreamId) {}
    fn lost(&self, loss: &Loss) {
        self.lost.lock().unwrap().push((loss.from, loss.to));
    }
    fn delivered(&self, _: StreamId) -> bool {
        false
    }
    fn acknowledged(&self, _: StreamId) -> u64 {
        0
    }
    fn under_way(&self, _: StreamId, _: &str) -> Range<u64> {
        self.under_way.lock().unwrap().clone()
    }
}

struct Place {
    root: tempfile::TempDir,
    data: tempfile::TempDir,
    sinks: Arc<Sinks>,
    airflow: Airflow,
}

impl Place {
    async fn new() -> Self {
        let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(root.path().join("logs")).unwrap();
        Self::open(root, data).await
    }

    /// As after a restart.
    async fn again(self) -> Self {
        let Self { root, data, airflow, .. } = self;
        drop(airflow);
        Self::open(root, data).await
    }

    async fn open(root: tempfile::TempDir, data: tempfile::TempDir) -> Self {
        let logs = root.path().join("logs");
        let sinks = Arc::new(Sinks::default());
        let shared = Shared {
            host: "host".into(),
            deployment: Deployment::default(),
            store: Store::open(data.path()).unwrap(),
            files: Arc::new(OpenFiles::default()),
            listener: sinks.clone(),
            letters: None,
        };
        let discovery = Discovery::new(&logs, &["**/*".into()], &[]).unwrap();
        let config = config::Source {
            id: "airflow".into(),
            base_log_folder: logs,
            include: Vec::new(),
            exclude: Vec::new(),
            path_patterns: Vec::new(),
            read_from: ReadFrom::Beginning,
            join: Duration::ZERO,
            partial_line: Duration::ZERO,
            rescan: Duration::from_secs(10),
            watch: false,
            dead_letters: false,
        };
        let airflow = Airflow::open(config, 0, vec!["sink".into()], discovery, shared).await.unwrap();
        Self { root, data, sinks, airflow }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join("logs").join(name)
    }

    async fn look(&mut self) {
        self.airflow.scan(false).await.unwrap();
    }

    fn lost(&self) -> Vec<(u64, u64)> {
        self.sinks.lost.lock().unwrap().clone()
    }

    /// The sink has 1,000 bytes and reads 2,000; the copy has 1,500.
    async fn cut_short(&mut self, under_way: Range<u64>) {
        fs::write(self.file("a.log"), [b'x'; 2000]).unwrap();
        self.look().await;
        *self.sinks.under_way.lock().unwrap() = under_way;
        fs::write(self.file("a.log.1"), [b'x'; 1500]).unwrap();
        fs::write(self.file("a.log"), "").unwrap();
        self.look().await;
    }
}

#[tokio::test]
async fn a_file_that_is_missed_when_its_folder_is_hidden_is_not_looked_for_without_end() {
    let mut place = Place::new().await;
    fs::write(place.file("a.log"), "a line\n").unwrap();
    place.look().await;
    assert_eq!(place.airflow.look_again(), None);
    fs::rename(place.file("a.log"), place.root.path().join("a.log")).unwrap();
    place.look().await;
    assert_eq!(place.airflow.look_again(), Some(RESCAN_SOON), "it may have been renamed during the look");

    // A volume is mounted over it, and that is empty.
    fs::rename(place.file(""), place.root.path().join("hidden")).unwrap();
    fs::create_dir(place.file("")).unwrap();
    place.look().await;
    assert_eq!(place.airflow.look_again(), None);

    fs::rename(place.root.path().join("a.log"), place.file("a.log")).unwrap();
    place.look().await;
    assert_eq!((place.airflow.known.len(), place.airflow.gone.len()), (1, 0), "it is the one that it was");
}

#[tokio::test]
async fn what_a_copy_lacks_is_lost_at_once_to_a_sink_that_has_not_read_it() {
    let mut place = Place::new().await;
    place.cut_short(1000..1200).await;
    assert_eq!(place.lost(), [(1500, 2000)]);
}

#[tokio::test]
async fn what_a_copy_lacks_and_a_sink_acknowledges_later_is_not_lost() {
    let mut place = Place::new().await;
    place.cut_short(1000..1800).await;
    assert_eq!(place.lost(), []);
    *place.sinks.under_way.lock().unwrap() = 1800..1800;
    place.look().await;
    assert_eq!(place.lost(), [(1800, 2000)]);
    place.look().await;
    assert_eq!(place.lost(), [(1800, 2000)], "once");
}

#[tokio::test]
async fn what_a_copy_lacks_is_lost_to_a_sink_that_let_go_of_it_and_when_nobody_will_look_again() {
    let mut place = Place::new().await;
    place.cut_short(1000..2000).await;
    // It will read again what is in the copy.
    *place.sinks.under_way.lock().unwrap() = 1000..1000;
    place.look().await;
    assert_eq!(place.lost(), [(1500, 2000)]);

    let mut place = Place::new().await;
    place.cut_short(1000..2000).await;
    place.airflow.scan(true).await.unwrap();
    assert_eq!(place.lost(), [(1500, 2000)]);
}

#[tokio::test]
async fn a_run_that_is_over_when_it_begins_takes_what_is_there_and_knows_what_is_missing() {
    let mut place = Place::new().await;
    fs::write(place.file("gone.log"), "a line\n").unwrap();
    place.look().await;
    fs::remove_file(place.file("gone.log")).unwrap();
    // Held back by a look that others follow: it may be a copy that is under way.
    fs::write(place.file("a.log"), [b'x'; 2000]).unwrap();
    place.look().await;
    fs::copy(place.file("a.log"), place.file("a.log.1")).unwrap();
    place.look().await;
    assert_eq!(place.airflow.held.len(), 1);

    let mut place = place.again().await;
    place.airflow.config.watch = true;
    let sinks = place.sinks.clone();
    let (_closing, closed) = watch::channel(true);
    let (_looks, asked) = mpsc::channel(1);
    assert!(place.airflow.run(closed, asked).await);
    assert_eq!(*sinks.lost.lock().unwrap(), [(0, 7)], "two looks in a row did not find it");
    let mut begun = sinks.begun.lock().unwrap().clone();
    begun.sort();
    assert_eq!(begun, ["a.log", "a.log.1"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_run_that_is_over_when_it_begins_says_if_it_could_not_look_at_everything() {
    let place = Place::new().await;
    // A link that leads in a circle cannot be looked at, whoever we are.
    std::os::unix::fs::symlink(place.file("b.log"), place.file("a.log")).unwrap();
    std::os::unix::fs::symlink(place.file("a.log"), place.file("b.log")).unwrap();
    fs::write(place.file("c.log"), "a line\n").unwrap();
    let sinks = place.sinks.clone();
    let (_closing, closed) = watch::channel(true);
    let (_looks, asked) = mpsc::channel(1);
    assert!(!place.airflow.run(closed, asked).await);
    assert_eq!(*sinks.begun.lock().unwrap(), ["c.log"]);
}
