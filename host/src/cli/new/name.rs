//! What a component may be called: what cargo, npm and Python all take, so that a name is as good in one as in another.

use std::fmt;

/// crates.io has the tightest limit. <https://doc.rust-lang.org/cargo/reference/registry-index.html#name-restrictions>
const LONGEST: usize = 64;

/// <https://doc.rust-lang.org/reference/keywords.html>
const RUST: &str = "abstract as async await become box break const continue crate do dyn else enum extern false final \
    fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super \
    trait true try type typeof unsafe unsized use virtual where while yield";
/// <https://docs.python.org/3/reference/lexical_analysis.html#keywords>
const PYTHON: &str = "and assert class def del elif except finally from global import is lambda nonlocal not or pass \
    raise with";
/// What would no more be found if a component's module had its name.
/// <https://docs.python.org/3/py-modindex.html>
const PYTHON_MODULES: &str = "abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit \
    audioop base64 bdb binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code \
    codecs codeop collections colorsys compileall concurrent configparser contextlib contextvars copy \
    copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email \
    encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib \
    functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http \
    idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 linecache \
    locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt \
    multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os \
    ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath \
    pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re \
    readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil \
    signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants \
    sre_parse ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig \
    syslog tabnanny tarfile telnetlib tempfile termios textwrap this threading time timeit tkinter token \
    tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest \
    urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc \
    zipapp zipfile zipimport zlib zoneinfo";
/// Libraries of Rust, what components are made with, and files that projects have beside the component's own.
const TAKEN: &str = "alloc core proc_macro std test build component node_modules updraft_guest wit_bindgen wit_world \
    componentize_py_runtime componentize_py_types";

/// A name that is good in every language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Checks it; an error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err("a name begins with a lower-case letter, from a to z".to_owned());
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if let Some(wrong) = text.chars().find(|c| !allowed(*c)) {
            return Err(format!(
                "a name has the letters a to z, digits, `-` and `_`, and no `{}`",
                wrong.escape_debug()
            ));
        }
        if text.ends_with(['-', '_']) {
            return Err("a name ends with a letter or a digit".to_owned());
        }
        if text.len() > LONGEST {
            return Err(format!("a name has {LONGEST} characters at most, and this one {}", text.len()));
        }
        let name = Self(text.to_owned());
        let snake = name.snake();
        for (words, what) in [
            (RUST, "a keyword of Rust"),
            (PYTHON, "a keyword of Python"),
            (PYTHON_MODULES, "a module of Python"),
            (TAKEN, "the name of something that components are made with"),
        ] {
            if words.split_whitespace().any(|word| word == snake) {
                return Err(format!("that is {what}"));
            }
        }
        Ok(name)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As modules and files are called.
    pub fn snake(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_good_in_every_language_or_refused_with_the_reason() {
        for good in ["mask", "mask-2", "pii_mask", &"a".repeat(64)] {
            assert_eq!(Name::parse(good).as_ref().map(Name::as_str), Ok(good));
        }
        for (bad, why) in [
            ("", "begins with a lower-case letter"),
            ("2mask", "begins with a lower-case letter"),
            ("-mask", "begins with a lower-case letter"),
            ("Mask", "begins with a lower-case letter"),
            ("maSk", "no `S`"),
            ("pii mask", "no ` `"),
            ("pii/mask", "no `/`"),
            ("..", "begins with a lower-case letter"),
            ("maské", "no `é`"),
            ("mask\n", "no `\\n`"),
            ("mask-", "ends with"),
            (&"a".repeat(65), "64 characters at most, and this one 65"),
            ("fn", "keyword of Rust"),
            ("lambda", "keyword of Python"),
            ("json", "module of Python"),
            ("updraft-guest", "components are made with"),
            ("test", "components are made with"),
        ] {
            let said = Name::parse(bad).expect_err(bad);
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn modules_have_no_hyphens() {
        assert_eq!(Name::parse("pii-mask").map(|name| name.snake()), Ok("pii_mask".to_owned()));
    }
}
