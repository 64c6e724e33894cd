//! The body of a put: pieces of memory that are there already, one after the other. What is large is not copied, and it is
//! hashed where it lies.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_sdk_cloudwatchlogs::config::ConfigBag;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Frame, SizeHint};
use sha2::{Digest, Sha256};

use super::client::LogStreamName;
use crate::aws::SignedAs;
use crate::sink::encode::escape;
use crate::sink::piece::{Piece, Pieces};

/// What is smaller is copied to what stands before it: a network takes few large pieces rather than many small ones.
const SMALL: usize = 4 << 10;
/// How a body ends.
const END: &[u8] = b"]}";
/// Fast: this runs on a thread that others wait for, and logs compress well all the same.
const LEVEL: Compression = Compression::fast();

/// A body, and what a request says of it. Given to a request as its interceptor: all of the SDK but its types of events, and
/// what makes JSON of them.
#[derive(Debug)]
pub struct Body {
    frames: VecDeque<Bytes>,
    len: usize,
    signed: SignedAs,
    gzip: bool,
}

impl Body {
    /// As the SDK would make it.
    pub fn of<T>(stream: &LogStreamName, events: &Pieces<T>) -> Self {
        let mut head = Vec::new();
        for (name, value) in [("logGroupName", &stream.group), ("logStreamName", &stream.name)] {
            head.push(if head.is_empty() { b'{' } else { b',' });
            for text in [b"\"", name.as_bytes(), b"\":\""] {
                head.extend_from_slice(text);
            }
            escape::once(value.as_bytes(), &mut head);
            head.push(b'"');
        }
        head.extend_from_slice(b",\"logEvents\":[");
        let mut frames = Frames { done: VecDeque::new(), last: head };
        let is_small = |piece: &Piece<T>| piece.held() < SMALL;
        for run in events.runs(|a, b| is_small(a) && is_small(b)) {
            match run {
                [large] if !is_small(large) => frames.add(large.body()),
                small => frames.copy(small),
            }
        }
        if !events.is_empty() {
            frames.cut_comma();
        }
        frames.last.extend_from_slice(END);
        Self::in_frames(frames.finished(), false)
    }

    /// The same, compressed.
    pub fn compressed(self) -> std::io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::with_capacity(self.len / 8), LEVEL);
        for frame in &self.frames {
            encoder.write_all(frame)?;
        }
        Ok(Self::in_frames([encoder.finish()?.into()].into(), true))
    }

    fn in_frames(frames: VecDeque<Bytes>, gzip: bool) -> Self {
        let mut hash = Sha256::new();
        for frame in &frames {
            hash.update(frame);
        }
        let len = frames.iter().map(Bytes::len).sum();
        Self { frames, len, signed: hash.into(), gzip }
    }
}

#[dyn_dispatch_hint]
impl Intercept for Body {
    fn name(&self) -> &'static str {
        "updraft: body of a put"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let headers = request.headers_mut();
        headers.insert("content-length", self.len.to_string());
        if self.gzip {
            headers.insert("content-encoding", "gzip");
        }
        *request.body_mut() = SdkBody::from_body_1_x(Stream { frames: self.frames.clone(), left: self.len });
        self.signed.modify_before_signing(context, components, bag)
    }
}

/// A body in the making.
struct Frames {
    done: VecDeque<Bytes>,
    /// What is copied.
    last: Vec<u8>,
}

impl Frames {
    fn add(&mut self, bytes: Bytes) {
        self.close();
        self.done.push_back(bytes);
    }

    fn copy<T>(&mut self, pieces: &[Piece<T>]) {
        // Where many files write at the same time, that is the whole body.
        self.last.reserve(pieces.iter().map(Piece::held).sum::<usize>() + END.len());
        for piece in pieces {
            self.last.extend_from_slice(piece.objects());
        }
    }

    /// The one behind the last event.
    fn cut_comma(&mut self) {
        match self.done.back_mut() {
            Some(last) if self.last.is_empty() => last.truncate(last.len() - 1),
            _ => self.last.truncate(self.last.len() - 1),
        }
    }

    fn close(&mut self) {
        if !self.last.is_empty() {
            self.done.push_back(std::mem::take(&mut self.last).into());
        }
    }

    fn finished(mut self) -> VecDeque<Bytes> {
        self.close();
        self.done
    }
}

/// A body on its way.
struct Stream {
    frames: VecDeque<Bytes>,
    left: usize,
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.frames.pop_front();
        self.left -= next.as_ref().map_or(0, Bytes::len);
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests;
