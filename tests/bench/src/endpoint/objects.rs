//! S3 as far as a mirror needs it: whole objects and uploads in parts. Keeps length and sum of each object.

use super::books::Books;
use super::http::{Request, answer as http_answer};
use crate::sum::sum;

const KIND: &str = "application/xml";

/// Answers a request and writes down what it brought.
pub fn answer(request: &Request, books: &mut Books) -> Vec<u8> {
    let key = request.path().to_owned();
    let body = match content(request) {
        Ok(body) => body,
        Err(wrong) => {
            books.wrong.push(wrong);
            return http_answer("400 Bad Request", KIND, b"");
        }
    };
    let (operation, status, said) = match (request.method.as_str(), request.query("uploadId")) {
        ("PUT", Some(upload)) => {
            let number = request.query("partNumber").and_then(|it| it.parse().ok()).unwrap_or(0);
            books.parts.entry(upload.to_owned()).or_default().insert(number, body);
            ("UploadPart", "200 OK", String::new())
        }
        ("POST", Some(upload)) => {
            let parts = books.parts.remove(upload).unwrap_or_default();
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            books.objects.insert(key, (whole.len() as u64, sum(&whole)));
            ("CompleteMultipartUpload", "200 OK", COMPLETED.to_owned())
        }
        ("POST", None) => {
            let id = books.count("CreateMultipartUpload");
            ("CreateMultipartUpload", "200 OK", CREATED.replace("ID", &id.to_string()))
        }
        ("PUT", None) => {
            books.objects.insert(key, (body.len() as u64, sum(&body)));
            ("PutObject", "200 OK", String::new())
        }
        ("HEAD", _) => ("HeadObject", "404 Not Found", String::new()),
        _ => ("other", "404 Not Found", String::new()),
    };
    books.requested(operation, request.body.len());
    http_answer(status, KIND, said.as_bytes())
}

/// Without the chunks in which a body comes whose checksum follows it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>
fn content(request: &Request) -> Result<Vec<u8>, String> {
    if !request.header("content-encoding").is_some_and(|it| it.contains("aws-chunked")) {
        return Ok(request.body.clone());
    }
    let (mut content, mut rest) = (Vec::with_capacity(request.body.len()), request.body.as_slice());
    loop {
        let line = memchr::memmem::find(rest, b"\r\n").ok_or("a chunk without a head")?;
        let head = String::from_utf8_lossy(&rest[..line]);
        let digits = head.split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(digits, 16).map_err(|_| format!("a chunk of {digits:?} bytes"))?;
        if length == 0 {
            return Ok(content);
        }
        let chunk = rest.get(line + 2..line + 2 + length).ok_or("a chunk is cut off")?;
        content.extend_from_slice(chunk);
        rest = rest.get(line + 4 + length..).ok_or("a chunk is cut off")?;
    }
}

const CREATED: &str =
    "<InitiateMultipartUploadResult><UploadId>ID</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str =
    "<CompleteMultipartUploadResult><ETag>\"null\"</ETag></CompleteMultipartUploadResult>";
