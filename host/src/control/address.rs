//! Where the control socket of a data dir is, and how to get there by a path of any length.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The socket's name in the data dir.
const NAME: &str = "control.sock";
/// The name under which a new one is made, before anybody may talk to it.
const NEW: &str = "control.new";
/// A path to a socket holds fewer bytes than that. <https://man7.org/linux/man-pages/man7/unix.7.html>
const MAX_PATH: usize = 108;

/// A data dir's socket, by a path that is short enough; good for as long as this lives.
pub struct Address {
    dir: PathBuf,
    /// Where the path of the folder itself is too long.
    _open: Option<File>,
}

impl Address {
    /// Of the socket in that folder, whether it is there or not. Fails where the folder is not.
    pub fn of(data_dir: &Path) -> io::Result<Self> {
        let open = File::open(data_dir)?;
        if data_dir.join(NAME).as_os_str().as_bytes().len() < MAX_PATH {
            return Ok(Self { dir: data_dir.to_owned(), _open: None });
        }
        let dir = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
        Ok(Self { dir, _open: Some(open) })
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// The same, while it is being made.
    pub fn new_socket(&self) -> PathBuf {
        self.dir.join(NEW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_path_of_any_length_leads_to_the_socket() {
        let root = tempfile::tempdir().unwrap();
        let long = root.path().join("x".repeat(100)).join("y".repeat(100));
        std::fs::create_dir_all(&long).unwrap();
        for dir in [root.path(), long.as_path()] {
            let _listener = UnixListener::bind(Address::of(dir).unwrap().socket()).unwrap();
            assert!(dir.join(NAME).exists());
            UnixStream::connect(Address::of(dir).unwrap().socket()).unwrap();
        }
        assert!(Address::of(&root.path().join("nowhere")).is_err());
    }
}
