//! S3: one object per generation of a file, brought up to date as the file grows.
//!
//! `mirror` decides when and under which key; `content` says what the object holds; `upload` gets it there.
//! One file per AWS operation.

mod canary;
pub mod client;
mod content;
mod delete_object;
mod get_object;
mod head_bucket;
mod head_object;
mod legible;
pub mod limits;
mod mirror;
mod multipart;
mod outcome;
mod put_object;
mod reader;
pub mod settings;
mod upload;
mod upload_part_copy;

#[cfg(test)]
mod verdict_tests;

pub use mirror::Mirror;
