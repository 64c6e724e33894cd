//! A small disk of the test's own, which can be filled, emptied and made read-only: a real file system in a mount
//! namespace, for which a user needs no rights where the system has user namespaces.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::Updraft;

/// Who holds the namespace: it runs what it is told, a line at a time, and ends with its standard input.
const HOLDER: &str = r#"mount -t tmpfs -o "size=$2" updraft-test "$1" && echo ready
while read -r command; do eval "$command"; echo done; done"#;

/// It is gone with the value.
#[derive(Debug)]
pub struct Disk {
    holder: Child,
    orders: ChildStdin,
    /// Which namespaces the holder is in, as options of `unshare` and `nsenter`.
    namespaces: &'static [&'static str],
    answers: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Disk {
    /// An empty one of so many bytes.
    pub fn of(bytes: usize) -> Self {
        // Where there are no user namespaces, root may do it all the same.
        let with_user = Self::in_namespaces(bytes, &["--user", "--mount"], &["--map-root-user"]);
        with_user.or_else(|| Self::in_namespaces(bytes, &["--mount"], &[])).expect(
            "no user namespaces here, and no root: `sysctl kernel.apparmor_restrict_unprivileged_userns=0` allows them",
        )
    }

    fn in_namespaces(bytes: usize, namespaces: &'static [&str], mapped: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("the temp folder can be written");
        let mut holder = Command::new("unshare")
            .args(namespaces)
            .args(mapped)
            .args(["sh", "-c", HOLDER, "sh"])
            .arg(folder.path())
            .arg(bytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is an unshare command (util-linux)");
        let orders = holder.stdin.take().expect("stdin is piped");
        let answers = BufReader::new(holder.stdout.take().expect("stdout is piped"));
        let mut disk = Self { holder, orders, namespaces, answers, folder };
        (disk.answer() == "ready").then_some(disk)
    }

    /// A run of this binary that sees the disk, at [`path`](Self::path).
    pub fn updraft(&self, binary: &str) -> Updraft {
        let holder = self.holder.id().to_string();
        let options = ["-t", &holder, "--preserve-credentials"].into_iter();
        let all = options.chain(self.namespaces.iter().copied()).chain(["--", binary]);
        all.fold(Updraft::at("nsenter"), Updraft::arg)
    }

    /// Where it is, for whoever sees it.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where it is for the test.
    pub fn from_outside(&self) -> PathBuf {
        let within = self.folder.path().strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(within)
    }

    /// Not a byte more has room.
    pub fn fill(&self) {
        let mut filler = File::create(self.from_outside().join("filler")).expect("an empty file has room");
        for chunk in [&[0; 4096][..], &[0; 1]] {
            while filler.write_all(chunk).is_ok() {}
        }
    }

    /// There is room again.
    pub fn free(&self) {
        fs::remove_file(self.from_outside().join("filler")).expect("it was filled");
    }

    /// From now on nothing can be written.
    pub fn read_only(&mut self) {
        writeln!(self.orders, "mount -o remount,ro \"$1\"").expect("the holder listens");
        assert_eq!(self.answer(), "done");
        assert!(File::create(self.from_outside().join("probe")).is_err(), "it is read-only");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the holder answers");
        line.trim().to_owned()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}
