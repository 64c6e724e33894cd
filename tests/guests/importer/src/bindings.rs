//! What wit-bindgen makes of the WIT and of what `wit` adds to it.
#![allow(missing_docs, unsafe_op_in_unsafe_fn, clippy::all, clippy::pedantic, clippy::unwrap_used)]

wit_bindgen::generate!({
    path: ["../../../wit/v0.1", "wit"],
    world: "evil:corp/importer",
    generate_all,
});
