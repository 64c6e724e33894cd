//! What components may import and what that gives them: the names of what `bindings` links. Everything else is refused, by
//! its name.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

/// What components are built against.
pub const PACKAGE: &str = "updraft:pipeline";
/// The version of it that is linked here.
pub const SPOKEN: &str = "0.1.0";

/// In words, for whoever wants more.
pub const PROVIDED: &str = "`updraft:pipeline/host@0.1.0` and a WASI 0.2 with nothing in it (wasi:cli, wasi:clocks, wasi:filesystem, wasi:io, wasi:random, wasi:sockets)";

/// What Updraft has for an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply {
    /// It works.
    Provided,
    /// It leads out of the sandbox elsewhere. Here nothing is at its other end.
    Empty,
    /// A stand-in, unless `clock` is granted.
    Clock,
    /// A stand-in, unless `random` is granted.
    Random,
    /// Nothing: such a component is refused.
    Missing,
}

/// What is linked. A version is as good as another of the same minor number, as wasmtime has it.
const LINKED: [(Supply, &[&str]); 4] = [
    (
        Supply::Provided,
        &[
            "updraft:pipeline/host@0.1",
            "wasi:cli/exit@0.2",
            "wasi:cli/stderr@0.2",
            "wasi:cli/stdout@0.2",
            "wasi:io/error@0.2",
            "wasi:io/poll@0.2",
            "wasi:io/streams@0.2",
        ],
    ),
    (
        Supply::Empty,
        &[
            "wasi:cli/environment@0.2",
            "wasi:cli/stdin@0.2",
            "wasi:cli/terminal-input@0.2",
            "wasi:cli/terminal-output@0.2",
            "wasi:cli/terminal-stderr@0.2",
            "wasi:cli/terminal-stdin@0.2",
            "wasi:cli/terminal-stdout@0.2",
            "wasi:filesystem/preopens@0.2",
            "wasi:filesystem/types@0.2",
            "wasi:sockets/instance-network@0.2",
            "wasi:sockets/ip-name-lookup@0.2",
            "wasi:sockets/network@0.2",
            "wasi:sockets/tcp-create-socket@0.2",
            "wasi:sockets/tcp@0.2",
            "wasi:sockets/udp-create-socket@0.2",
            "wasi:sockets/udp@0.2",
        ],
    ),
    (Supply::Clock, &["wasi:clocks/monotonic-clock@0.2", "wasi:clocks/wall-clock@0.2"]),
    (
        Supply::Random,
        &["wasi:random/insecure-seed@0.2", "wasi:random/insecure@0.2", "wasi:random/random@0.2"],
    ),
];

/// All that a component imports.
pub fn of(engine: &Engine, component: &Component) -> Vec<(String, Supply)> {
    let ty = component.component_type();
    let supply = |name: &str, item: &ComponentItem| {
        if needs_nothing(engine, item) { Supply::Provided } else { named(name) }
    };
    ty.imports(engine).map(|(name, it)| (name.to_owned(), supply(name, &it.ty))).collect()
}

/// Types are only words.
fn needs_nothing(engine: &Engine, item: &ComponentItem) -> bool {
    let is_type = |item: &ComponentItem| matches!(item, ComponentItem::Type(_));
    match item {
        ComponentItem::ComponentInstance(instance) => instance.exports(engine).all(|(_, it)| is_type(&it.ty)),
        item => is_type(item),
    }
}

/// It is of our package, in a version that does not go with the one spoken here. As long as that begins with 0, versions
/// of one minor number go together.
pub fn is_foreign(name: &str) -> bool {
    let interface = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/'));
    let version = interface.and_then(|rest| rest.split_once('@')).map(|(_, version)| version);
    version.is_some_and(|version| minor(version) != minor(SPOKEN))
}

/// `0.2` of `0.2.6`; none of what comes before a release (`0.2.0-rc`), which is not the release.
fn minor(version: &str) -> Option<&str> {
    version.rsplit_once('.').filter(|(_, patch)| patch.parse::<u64>().is_ok()).map(|(minor, _)| minor)
}

/// What there is under a name such as `wasi:io/poll@0.2.6`.
fn named(name: &str) -> Supply {
    let Some(name) = minor(name) else { return Supply::Missing };
    let found = LINKED.iter().find(|(_, names)| names.contains(&name));
    found.map_or(Supply::Missing, |(supply, _)| *supply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::bindings;
    use wasmtime::component::Linker;

    #[test]
    fn what_is_said_to_be_provided_is_linked() {
        let mut linker = Linker::new(&Engine::default());
        bindings::link(&mut linker).expect("linked");
        for name in LINKED.iter().flat_map(|(_, names)| *names) {
            // The versions that our WIT, and wasmtime's WASI, define.
            let exact = name.replace("@0.1", "@0.1.0").replace("@0.2", "@0.2.12");
            let free = linker.root().func_wrap(&exact, |_, (): ()| Ok(()));
            assert!(free.is_err(), "{exact} is free, so nothing is linked there");
        }
    }

    #[test]
    fn versions_are_compatible_within_a_minor_number() {
        for (name, supply) in [
            ("wasi:cli/environment@0.2.0", Supply::Empty),
            ("wasi:clocks/wall-clock@0.2.99", Supply::Clock),
            ("wasi:random/random@0.2.3", Supply::Random),
            ("updraft:pipeline/host@0.1.0", Supply::Provided),
            ("updraft:pipeline/host@0.2.0", Supply::Missing),
            ("wasi:cli/environment@0.3.0", Supply::Missing),
            ("wasi:cli/environment@0.2.0-rc1", Supply::Missing),
            ("wasi:cli/environment@0.20.0", Supply::Missing),
            ("wasi:cli/environment", Supply::Missing),
            ("wasi:http/outgoing-handler@0.2.0", Supply::Missing),
            ("environment", Supply::Missing),
        ] {
            assert_eq!(named(name), supply, "{name}");
        }
    }

    #[test]
    fn another_version_of_our_own_package_is_told_from_what_was_never_there() {
        for foreign in
            ["updraft:pipeline/host@0.9.0", "updraft:pipeline/route@1.0.0", "updraft:pipeline/host@0.1.0-rc1"]
        {
            assert!(is_foreign(foreign), "{foreign}");
        }
        for other in
            ["updraft:pipeline/host@0.1.0", "updraft:pipeline/host@0.1.7", "evil:corp/host@0.9.0", "host"]
        {
            assert!(!is_foreign(other), "{other}");
        }
    }
}
