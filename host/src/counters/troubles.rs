//! What a sink waits for: how much of its work failed and is to be tried again, and why.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Counter;
use crate::sink::service_error::Fault;

/// The troubles of one sink.
#[derive(Debug, Default)]
pub struct Troubles {
    /// Pieces of work that wait for another try, by [`Fault::ALL`].
    waiting: [AtomicU64; Fault::ALL.len()],
    /// Work that was tried again after it had failed.
    pub retries: Counter,
}

impl Troubles {
    /// How many pieces of work wait for another try just now, for that reason.
    pub fn waiting(&self, fault: Fault) -> u64 {
        self.of(fault).load(Ordering::Relaxed)
    }

    /// Why work waits for another try just now.
    pub fn present(&self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(|fault| self.waiting(*fault) > 0)
    }

    fn of(&self, fault: Fault) -> &AtomicU64 {
        &self.waiting[fault as usize]
    }
}

/// Of one piece of work: a put, an object, what a mirror does. It is over when it is settled or dropped.
#[derive(Debug)]
pub struct Trouble {
    troubles: Arc<Troubles>,
    present: Option<Fault>,
}

impl Trouble {
    /// None yet.
    pub fn none(troubles: &Arc<Troubles>) -> Self {
        Self { troubles: troubles.clone(), present: None }
    }

    /// It failed and will be tried again.
    pub fn raise(&mut self, fault: Fault) {
        if self.present == Some(fault) {
            return;
        }
        // At no moment is there none.
        self.troubles.of(fault).fetch_add(1, Ordering::Relaxed);
        self.settle();
        self.present = Some(fault);
    }

    /// It is tried now; counted where it failed before. The trouble is over only when the try was a success.
    pub fn try_now(&self) {
        if self.present.is_some() {
            self.troubles.retries.add(1);
        }
    }

    /// All is well.
    pub fn settle(&mut self) {
        if let Some(fault) = self.present.take() {
            self.troubles.of(fault).fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_a_place_of_its_own() {
        assert_eq!(Fault::ALL.map(|fault| fault as usize), std::array::from_fn(|at| at));
    }

    #[test]
    fn trouble_lasts_until_it_is_settled_or_its_work_is_given_up() {
        let troubles = Arc::new(Troubles::default());
        let (mut put, mut other) = (Trouble::none(&troubles), Trouble::none(&troubles));
        put.try_now();
        put.raise(Fault::Denied);
        other.raise(Fault::Denied);
        put.try_now();
        put.raise(Fault::Throttled);
        assert_eq!((troubles.waiting(Fault::Denied), troubles.waiting(Fault::Throttled)), (1, 1));
        drop(other);
        put.settle();
        put.try_now();
        assert_eq!((troubles.present().count(), troubles.retries.get()), (0, 1));
    }
}
