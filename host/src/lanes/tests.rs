//! Turns are given as long as there are places, whatever happens in one.

use super::*;
use crate::event::{Deployment, Origin, StreamKind};
use crate::receipt::Forgetting;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// Lanes without any stream, of source 0.
pub fn lanes(dir: &tempfile::TempDir) -> Arc<Lanes> {
    let store = Store::open(dir.path()).unwrap();
    let (files, progress) = (Arc::new(OpenFiles::default()), Arc::new(Notify::new()));
    let forgetting = Forgetting { age: Duration::MAX, most: 0, sha256: false };
    let notary = Notary::new(store.clone(), files.clone(), forgetting);
    Arc::new(Lanes::new("sink".to_owned(), HashMap::from([(0, None)]), store, files, progress, notary))
}

#[tokio::test]
async fn a_turn_that_panics_costs_no_place_and_its_lane_has_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let lanes = lanes(&dir);
    let origin = Origin {
        source: "airflow".into(),
        path: "a.log".into(),
        host: "h".into(),
        kind: StreamKind::Other,
        task: None,
        deployment: Deployment::default(),
    };
    let stream = Arc::new(Stream::for_tests(origin));
    lanes.began(&stream, &[]);
    let (turns, second) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counted, had) = (turns.clone(), second.clone());
    let (woken, id) = (lanes.clone(), stream.id);
    let giving = lanes.clone().give_turns(1, move |_| {
        let (counted, had, woken) = (counted.clone(), had.clone(), woken.clone());
        async move {
            if counted.fetch_add(1, Ordering::AcqRel) == 0 {
                woken.schedule.wake(id);
                panic!("a bug");
            }
            had.notify_one();
        }
    });
    tokio::select! {
        () = giving => panic!("turns are given for as long as it is polled"),
        () = second.notified() => {}
    }
    assert_eq!(turns.load(Ordering::Acquire), 2);
}
