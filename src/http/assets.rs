//! Style and script files, compiled in and named by their content, so that a browser may keep one
//! for ever and never uses an old one.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::{Failure, Problem};

/// A file under `assets/`.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const ASSETS: [Asset; 7] = [
    Asset {
        name: "sekisho.css",
        media_type: CSS,
        bytes: include_bytes!("../../assets/sekisho.css"),
    },
    Asset { name: "staff.css", media_type: CSS, bytes: include_bytes!("../../assets/staff.css") },
    Asset {
        name: "gate.svg",
        media_type: "image/svg+xml",
        bytes: include_bytes!("../../assets/gate.svg"),
    },
    Asset { name: "open.js", media_type: SCRIPT, bytes: include_bytes!("../../assets/open.js") },
    Asset {
        name: "pieces.js",
        media_type: SCRIPT,
        bytes: include_bytes!("../../assets/pieces.js"),
    },
    Asset { name: "send.js", media_type: SCRIPT, bytes: include_bytes!("../../assets/send.js") },
    Asset { name: "watch.js", media_type: SCRIPT, bytes: include_bytes!("../../assets/watch.js") },
];

/// The names as served: the content's hash stands before the ending.
static SERVED: LazyLock<Vec<(String, &'static Asset)>> = LazyLock::new(|| {
    ASSETS.iter().map(|asset| (format!("{}-{}", hash(asset.bytes), asset.name), asset)).collect()
});

/// Where an asset is served. An unknown name gives an address that answers "not found"; a test
/// holds every name used in a template to the list.
pub(super) fn address(name: &str) -> String {
    let served = SERVED.iter().find(|(_, asset)| asset.name == name);
    format!("/assets/{}", served.map_or("unknown", |(served, _)| served))
}

/// Answers `GET /assets/{name}`.
pub(super) async fn serve(Path(untrusted_name): Path<String>) -> Result<Response, Failure> {
    let found = SERVED.iter().find(|(served, _)| *served == untrusted_name);
    let (_, asset) = found.ok_or(Problem::NotFound)?;
    let media_type = HeaderValue::from_static(asset.media_type);
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, KEPT)], asset.bytes).into_response())
}

fn hash(bytes: &[u8]) -> String {
    let mut digest = hex::encode(Sha256::digest(bytes));
    digest.truncate(12);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_a_template_names_is_served() {
        for text in crate::http::language::tests::templates() {
            for name in crate::http::language::tests::quoted_after(&text, ".asset(\"") {
                assert!(!address(&name).ends_with("unknown"), "{name}");
            }
        }
    }
}
