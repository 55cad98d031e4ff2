//! The page at `/`: files compiled in, so that it works with no network and no build step.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// A file of the page.
pub(super) struct Asset {
    pub path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

macro_rules! asset {
    ($path:literal, $file:literal, $media_type:literal) => {
        Asset { path: $path, media_type: $media_type, text: include_str!(concat!("../../web/plain/", $file)) }
    };
}

pub(super) static ASSETS: &[Asset] = &[
    asset!("/", "index.html", "text/html; charset=utf-8"),
    asset!("/assets/page.css", "page.css", "text/css; charset=utf-8"),
    asset!("/assets/page.js", "page.js", "text/javascript; charset=utf-8"),
    asset!("/assets/words.js", "words.js", "text/javascript; charset=utf-8"),
    asset!("/assets/format.js", "format.js", "text/javascript; charset=utf-8"),
    asset!("/assets/shapes.js", "shapes.js", "text/javascript; charset=utf-8"),
    asset!("/assets/projection.js", "projection.js", "text/javascript; charset=utf-8"),
    asset!("/assets/draw.js", "draw.js", "text/javascript; charset=utf-8"),
    asset!("/assets/map.js", "map.js", "text/javascript; charset=utf-8"),
    asset!("/assets/tables.js", "tables.js", "text/javascript; charset=utf-8"),
    asset!("/assets/icon.svg", "icon.svg", "image/svg+xml"),
];

pub(super) fn answer(asset: &'static Asset) -> Response {
    let mut response = asset.text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
