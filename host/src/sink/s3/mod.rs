//! S3: one object per generation of a file, brought up to date as the file grows.
//!
//! `mirror` decides when and under which key; `content` says what the object holds; `upload` gets it there.
//! One file per AWS operation.

pub mod client;
mod content;
mod head_object;
pub mod limits;
mod mirror;
mod multipart;
mod put_object;
mod upload;

pub use mirror::Mirror;
