//! Japanese and English: which one a visitor reads, and every sentence of the pages.
//!
//! Sentences are compiled in from `locales/`. A key that is missing in either language fails a
//! test; were one missing all the same, the page would show the key.

use std::fmt;
use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// A language the pages speak; Japanese unless the visitor says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    Japanese,
    English,
}

/// The cookie that remembers a choice. It holds `ja` or `en` and nothing else.
pub(super) const LANGUAGE_COOKIE: &str = "__Host-lang";

/// Most ranges of an `Accept-Language` header that are looked at.
const MOST_RANGES: usize = 16;

const JAPANESE_TEXTS: [&str; 6] = [
    include_str!("../../locales/ja/common.ftl"),
    include_str!("../../locales/ja/problems.ftl"),
    include_str!("../../locales/ja/intake.ftl"),
    include_str!("../../locales/ja/portal.ftl"),
    include_str!("../../locales/ja/review.ftl"),
    include_str!("../../locales/ja/staff.ftl"),
];
const ENGLISH_TEXTS: [&str; 6] = [
    include_str!("../../locales/en/common.ftl"),
    include_str!("../../locales/en/problems.ftl"),
    include_str!("../../locales/en/intake.ftl"),
    include_str!("../../locales/en/portal.ftl"),
    include_str!("../../locales/en/review.ftl"),
    include_str!("../../locales/en/staff.ftl"),
];

static JAPANESE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::Japanese, &JAPANESE_TEXTS));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::English, &ENGLISH_TEXTS));

type Bundle = FluentBundle<FluentResource>;

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// The language's tag in `lang` attributes, forms and the cookie.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// The language of a tag as the language form sends it.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// What the visitor reads: their own choice, then their browser's, then Japanese.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let chosen = cookie(headers, LANGUAGE_COOKIE).and_then(Self::from_tag);
        chosen.or_else(|| preferred(headers)).unwrap_or(Self::Japanese)
    }

    /// The sentence of a key.
    pub(super) fn say(self, key: &str, arguments: &[(&str, &dyn Said)]) -> String {
        let bundle = match self {
            Self::Japanese => &*JAPANESE,
            Self::English => &*ENGLISH,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let arguments: FluentArgs<'_> =
            arguments.iter().map(|(name, value)| (*name, value.said())).collect();
        // A reference that cannot be resolved is written out as its name; the tests find it.
        bundle.format_pattern(pattern, Some(&arguments), &mut vec![]).into_owned()
    }
}

/// What a sentence can be given: text, or a number that chooses a plural.
pub trait Said {
    fn said(&self) -> FluentValue<'_>;
}

impl Said for str {
    fn said(&self) -> FluentValue<'_> {
        FluentValue::String(self.into())
    }
}

impl Said for String {
    fn said(&self) -> FluentValue<'_> {
        self.as_str().said()
    }
}

impl<T: Said + ?Sized> Said for &T {
    fn said(&self) -> FluentValue<'_> {
        (**self).said()
    }
}

macro_rules! said_numbers {
    ($($number:ty),+) => {$(
        impl Said for $number {
            fn said(&self) -> FluentValue<'_> {
                FluentValue::from(*self)
            }
        }
    )+};
}
said_numbers!(u16, u32, u64, usize);

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// The value of a cookie, as it came.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
}

/// The first of our languages by the browser's weights; equal weights keep their order.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let header = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(Language, f32)> = None;
    for range in header.split(',').take(MOST_RANGES) {
        let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
        let primary = tag.trim().split('-').next().unwrap_or("").to_ascii_lowercase();
        let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok());
        let (Some(language), Some(weight)) = (Language::from_tag(&primary), weight) else {
            continue;
        };
        if weight > best.map_or(0.0, |(_, weight)| weight) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

fn bundle(language: Language, texts: &[&str]) -> Bundle {
    // Both tags are well-formed; the identifier only chooses plural rules.
    let identifier: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    // The marks around arguments are for mixed directions; ours all read left to right.
    bundle.set_use_isolating(false);
    for text in texts {
        // What does not parse is left out, and a test says which; the rest still serves.
        let resource = FluentResource::try_new((*text).to_owned());
        let resource = resource.unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

#[cfg(test)]
pub(super) mod tests;
