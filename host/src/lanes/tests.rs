//! Turns are given as long as there are places, whatever happens in one.

use super::*;
use crate::event::{Deployment, Origin, StreamKind};
use crate::receipt::Forgetting;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::mpsc;

/// Lanes without any stream, of source 0.
pub fn lanes(dir: &tempfile::TempDir) -> Arc<Lanes> {
    let store = Store::open(dir.path()).unwrap();
    let (files, progress) = (Arc::new(OpenFiles::default()), Arc::new(Notify::new()));
    let forgetting = Forgetting { age: Duration::MAX, most: 0, sha256: false };
    let notary = Notary::new(store.clone(), files.clone(), forgetting);
    Arc::new(Lanes::new("sink".to_owned(), HashMap::from([(0, None)]), store, files, progress, notary))
}

fn stream(id: StreamId) -> Arc<Stream> {
    let origin = Origin {
        source: "airflow".into(),
        path: format!("{id}.log"),
        host: "h".into(),
        kind: StreamKind::Other,
        task: None,
        deployment: Deployment::default(),
    };
    Arc::new(Stream::numbered_for_tests(id, origin))
}

#[tokio::test]
async fn so_many_turns_are_under_way_at_once_and_never_two_of_one_lane() {
    const PLACES: usize = 3;
    let dir = tempfile::tempdir().unwrap();
    let lanes = lanes(&dir);
    for id in 0..5 {
        lanes.began(&stream(id), &[]);
    }
    let (begun, mut turns) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    let (told, going, woken) = (begun, go.clone(), lanes.clone());
    let giving = lanes.clone().give_turns(PLACES, move |lane| {
        let (told, going, woken) = (told.clone(), going.clone(), woken.clone());
        async move {
            woken.schedule.wake(lane.stream.id);
            told.send(lane.stream.id).unwrap();
            going.acquire().await.unwrap().forget();
        }
    });
    let promise = async {
        // Each has been woken in the middle of its turn, and has to wait for the others all the same.
        for round in [[0, 1, 2], [3, 4, 0], [1, 2, 3]] {
            let mut under_way = Vec::new();
            for _ in 0..PLACES {
                under_way.push(turns.recv().await.unwrap());
            }
            under_way.sort_unstable();
            let mut expected = round;
            expected.sort_unstable();
            assert_eq!(under_way, expected);
            // Whoever could begin would have.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(turns.try_recv().is_err(), "there are {PLACES} places");
            go.add_permits(PLACES);
        }
    };
    tokio::select! {
        () = giving => panic!("turns are given for as long as it is polled"),
        () = promise => {}
    }
}

#[tokio::test]
async fn a_turn_that_panics_costs_no_place_and_its_lane_has_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let lanes = lanes(&dir);
    let stream = stream(1);
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
