//! What wit-bindgen makes of the WIT: both interfaces that deal in columns.
#![allow(missing_docs, unsafe_op_in_unsafe_fn, clippy::all, clippy::pedantic, clippy::unwrap_used)]

wit_bindgen::generate!({
    path: "../../../wit/v0.1",
    inline: "package updraft:liar; world liar {
        include updraft:pipeline/normalizer@0.1.0;
        include updraft:pipeline/transformer@0.1.0;
    }",
    world: "updraft:liar/liar",
    generate_all,
});
