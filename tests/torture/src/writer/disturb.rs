//! What Airflow, logrotate and whoever cleans up do to files besides appending to them.

use std::fs;
use std::time::Instant;

use super::{Actor, Desk, ROTATED};
use crate::books::How;

impl Actor {
    fn rotated_name(&self, place: usize) -> String {
        format!("{}.{}", self.name, place + 1)
    }

    /// Makes room for `x.log.1`: the others move on by one, the last one goes.
    fn shift(&mut self, desk: &Desk) {
        let mut books = desk.books.lock().expect("nobody panics");
        for place in (0..self.rotated.len()).rev() {
            let from = desk.root.join(self.rotated_name(place));
            let book = books.of(self.rotated[place]);
            if place + 1 == ROTATED {
                fs::remove_file(from).expect("it is there");
                book.ended = Some((How::Deleted, Instant::now()));
                self.rotated.pop();
            } else {
                let name = self.rotated_name(place + 1);
                fs::rename(from, desk.root.join(&name)).expect("it can be renamed");
                book.names.push(name);
            }
        }
    }

    /// Rename and create, as logrotate does and Python's `RotatingFileHandler`.
    pub(super) fn rename(&mut self, desk: &Desk) {
        self.shift(desk);
        let name = self.rotated_name(0);
        fs::rename(desk.root.join(&self.name), desk.root.join(&name)).expect("it can be renamed");
        desk.books.lock().expect("nobody panics").of(self.id()).names.push(name);
        if self.rng.bool() {
            // Whoever has it open goes on for a while.
            let lines = self.rng.usize(1..4).min(self.left);
            self.say(desk, lines);
            self.drain(desk);
        }
        self.rotated.insert(0, self.id());
        self.generation += 1;
        self.open(desk);
    }

    /// `copytruncate` of logrotate.
    pub(super) fn copy(&mut self, desk: &Desk) {
        self.shift(desk);
        let name = self.rotated_name(0);
        fs::copy(desk.root.join(&self.name), desk.root.join(&name)).expect("it can be copied");
        {
            let mut books = desk.books.lock().expect("nobody panics");
            let book = books.of(self.id());
            book.names.push(name);
            book.copied = true;
        }
        self.file.as_ref().expect("it is open").set_len(0).expect("it can be cut");
        self.rotated.insert(0, self.id());
        self.again(desk);
    }

    /// Cut to nothing; `refill`: and written beyond its former length at once.
    pub(super) fn truncate(&mut self, desk: &Desk, refill: bool) {
        let before = {
            let mut books = desk.books.lock().expect("nobody panics");
            let book = books.of(self.id());
            book.ended = Some((How::Truncated, Instant::now()));
            book.bytes.len()
        };
        self.file.as_ref().expect("it is open").set_len(0).expect("it can be cut");
        self.again(desk);
        if refill {
            let enough = |bytes: usize| bytes > before || bytes > 200_000;
            while self.left > 0 && !enough(self.pending.iter().map(Vec::len).sum()) {
                self.say(desk, 1);
            }
            self.drain(desk);
        }
    }

    /// The same file begins a new generation.
    fn again(&mut self, desk: &Desk) {
        self.generation += 1;
        self.pieces = 0;
        desk.books.lock().expect("nobody panics").begin(self.id(), &self.name);
    }

    /// Deleted while it is open, as a clean-up does; another takes its place, or this family is over.
    pub(super) fn delete(&mut self, desk: &Desk) {
        fs::remove_file(desk.root.join(&self.name)).expect("it is there");
        self.file = None;
        desk.books.lock().expect("nobody panics").of(self.id()).ended = Some((How::Deleted, Instant::now()));
        self.generation += 1;
        self.open(desk);
        if self.rng.bool() {
            self.left = self.left.min(5);
        }
    }

    /// The folder of the task goes with all that is in it, and comes back.
    pub(super) fn remove_folder(&mut self, desk: &Desk) {
        let path = desk.root.join(&self.name);
        let folder = path.parent().expect("a file is in a folder");
        fs::remove_dir_all(folder).expect("it is there");
        self.file = None;
        desk.books.lock().expect("nobody panics").of(self.id()).ended = Some((How::Deleted, Instant::now()));
        self.generation += 1;
        self.open(desk);
    }
}
