//! The headers of tus 1.0: read strictly, bounded, and answered.

use axum::extract::{FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::domain::artifact::Declared;
use crate::domain::checksum::Checksum;
use crate::flow::receive::Standing;
use crate::http::{Failure, Problem};

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(super) const TUS_CHECKSUM_ALGORITHM: HeaderName =
    HeaderName::from_static("tus-checksum-algorithm");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");

/// The one version that is spoken.
pub(super) const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
pub(super) const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,checksum,expiration,termination");
/// The kind of a piece's body.
const PIECE_TYPE: &str = "application/offset+octet-stream";
/// Longest list of what a client says of its file, in bytes, and most entries of it.
const METADATA_BYTES: usize = 4096;
const METADATA_ENTRIES: usize = 16;

/// The headers of a request that speaks our version.
pub(super) struct Tus(HeaderMap);

impl<S: Sync> FromRequestParts<S> for Tus {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match parts.headers.get(TUS_RESUMABLE) {
            Some(version) if version == VERSION => Ok(Self(parts.headers.clone())),
            Some(_) | None => Err(Problem::TusVersion.into()),
        }
    }
}

impl Tus {
    /// The length of a file that is announced.
    pub(super) fn length(&self) -> Result<u64, Problem> {
        let is_offered = |name| !self.0.contains_key(name);
        if !is_offered(UPLOAD_DEFER_LENGTH) || !is_offered(UPLOAD_CONCAT) {
            return Err(Problem::BadRequest);
        }
        self.number(UPLOAD_LENGTH)
    }

    /// Where a piece begins.
    pub(super) fn offset(&self) -> Result<u64, Problem> {
        self.number(UPLOAD_OFFSET)
    }

    /// What a piece adds up to, if it says so.
    pub(super) fn checksum(&self) -> Result<Option<Checksum>, Problem> {
        let Some(untrusted_text) = self.0.get(UPLOAD_CHECKSUM) else { return Ok(None) };
        let text = untrusted_text.to_str().map_err(|_| Problem::BadRequest)?;
        Checksum::parse(text).map(Some).ok_or(Problem::BadRequest)
    }

    /// Refuses a body that is no piece.
    pub(super) fn expect_piece(&self) -> Result<(), Problem> {
        match self.0.get(CONTENT_TYPE) {
            Some(kind) if kind == PIECE_TYPE => Ok(()),
            Some(_) | None => Err(Problem::UnsupportedType),
        }
    }

    /// What the sender's device claims of the file, reduced to what a form's claims are. The rest
    /// is dropped, and never told again.
    pub(super) fn declared(&self) -> Result<Declared, Problem> {
        let Some(untrusted_list) = self.0.get(UPLOAD_METADATA) else {
            return Ok(Declared::default());
        };
        let list = untrusted_list.to_str().map_err(|_| Problem::BadRequest)?;
        if list.len() > METADATA_BYTES || list.split(',').count() > METADATA_ENTRIES {
            return Err(Problem::BadRequest);
        }
        let (mut name, mut media_type) = (None, None);
        for entry in list.split(',').filter(|entry| !entry.is_empty()) {
            let (key, value) = entry.split_once(' ').unwrap_or((entry, ""));
            let value = BASE64.decode(value).map_err(|_| Problem::BadRequest)?;
            let value = String::from_utf8_lossy(&value).into_owned();
            match key {
                "filename" | "name" => name = Some(value),
                "filetype" | "type" => media_type = Some(value),
                _ => {}
            }
        }
        Ok(Declared::from_untrusted(name.as_deref(), media_type.as_deref()))
    }

    /// Decimal digits, once.
    fn number(&self, name: HeaderName) -> Result<u64, Problem> {
        let mut values = self.0.get_all(name).iter();
        let (Some(untrusted_text), None) = (values.next(), values.next()) else {
            return Err(Problem::BadRequest);
        };
        let digits =
            untrusted_text.to_str().ok().filter(|it| it.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|it| it.parse().ok()).ok_or(Problem::BadRequest)
    }
}

/// Every answer names the version, refusals too; to another version, what would be understood.
pub(super) async fn speak(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_other =
        response.extensions().get::<Failure>().is_some_and(|it| it.problem == Problem::TusVersion);
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    if is_other {
        headers.insert(TUS_VERSION, VERSION);
    }
    response
}

/// How far an upload has come.
pub(super) fn headers_of(standing: &Standing) -> [(HeaderName, HeaderValue); 2] {
    let at = jiff::Timestamp::from_millisecond(standing.expires_at.as_millis());
    let date = at
        .map_or_else(|_| String::new(), |at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    [
        (UPLOAD_OFFSET, standing.offset.into()),
        // Letters, digits and blanks; an empty one is never reached.
        (UPLOAD_EXPIRES, HeaderValue::from_str(&date).unwrap_or(HeaderValue::from_static("0"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tus(headers: &[(HeaderName, &str)]) -> Tus {
        let pairs = headers.iter();
        let pairs =
            pairs.map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        Tus(map)
    }

    #[test]
    fn a_length_is_plain_digits_once() {
        let length = |text: &str| tus(&[(UPLOAD_LENGTH, text)]).length();
        assert_eq!(length("0"), Ok(0));
        assert_eq!(length("18446744073709551615"), Ok(u64::MAX));
        for wrong in ["", "-1", "+1", "1.0", "0x10", " 1", "18446744073709551616", "1,2"] {
            assert_eq!(length(wrong), Err(Problem::BadRequest), "{wrong}");
        }
        let twice = tus(&[(UPLOAD_LENGTH, "1"), (UPLOAD_LENGTH, "2")]);
        assert_eq!(twice.length(), Err(Problem::BadRequest));
        for other in [(UPLOAD_DEFER_LENGTH, "1"), (UPLOAD_CONCAT, "partial")] {
            let asked = tus(&[(UPLOAD_LENGTH, "1"), other]);
            assert_eq!(asked.length(), Err(Problem::BadRequest));
        }
    }

    #[test]
    fn of_what_a_client_says_the_ending_and_the_type_are_kept() {
        let declared = |text: &str| tus(&[(UPLOAD_METADATA, text)]).declared();
        let named = format!(
            "filename {},filetype {},note,is_secret {}",
            BASE64.encode("山田 花子.JPG"),
            BASE64.encode("image/jpeg"),
            BASE64.encode("x")
        );
        let expected = Declared::from_untrusted(Some("a.jpg"), Some("image/jpeg"));
        assert_eq!(declared(&named), Ok(expected));
        assert_eq!(declared(""), Ok(Declared::default()));
        assert_eq!(
            declared(&format!("filename {}", BASE64.encode([0xff]))),
            Ok(Declared::default())
        );
        assert_eq!(declared("filename %"), Err(Problem::BadRequest));
    }

    #[test]
    fn what_a_client_says_is_bounded() {
        let of_length = |length: usize| {
            let text = format!("x {}", "A".repeat(length - 2));
            tus(&[(UPLOAD_METADATA, &text)]).declared().is_ok()
        };
        // Base64 comes in fours.
        assert!(of_length(METADATA_BYTES - 2));
        assert!(!of_length(METADATA_BYTES + 2));
        let of_entries = |count: usize| {
            tus(&[(UPLOAD_METADATA, &vec!["x"; count].join(","))]).declared().is_ok()
        };
        assert!(of_entries(METADATA_ENTRIES));
        assert!(!of_entries(METADATA_ENTRIES + 1));
    }
}
