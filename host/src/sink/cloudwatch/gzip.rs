//! The body of a request compressed, before it is signed.

use std::io::Write;

use aws_sdk_cloudwatchlogs::config::http::HttpRequest;
use aws_smithy_types::body::SdkBody;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Fast: this runs on a thread that others wait for, and logs compress well all the same.
const LEVEL: Compression = Compression::fast();

/// The same request with its body compressed. A body that is a stream stays as it is.
pub fn compressed(mut request: HttpRequest) -> std::io::Result<HttpRequest> {
    let Some(body) = request.body().bytes() else { return Ok(request) };
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), LEVEL);
    encoder.write_all(body)?;
    let body = encoder.finish()?;
    let headers = request.headers_mut();
    headers.insert("content-encoding", "gzip");
    headers.insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_compressed_request_says_so_and_how_long_it_is() {
        let text = "a line\n".repeat(1000);
        let request = compressed(HttpRequest::new(SdkBody::from(text.as_str()))).expect("memory takes all");
        let body = request.body().bytes().expect("in memory");
        assert_eq!(request.headers().get("content-encoding"), Some("gzip"));
        assert_eq!(request.headers().get("content-length"), Some(body.len().to_string().as_str()));
        let mut back = String::new();
        GzDecoder::new(body).read_to_string(&mut back).expect("gzip");
        assert_eq!(back, text);
    }
}
