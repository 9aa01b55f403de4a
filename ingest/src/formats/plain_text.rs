//! Plain text: paragraphs, in which nothing is markup.

use super::{
    Document, Parsed, Place, Syntax, front_matter, metadata, redaction, stated::Stated, title_of_path,
};

pub(super) fn parse(text: String, place: &Place<'_>) -> Parsed {
    let (body, redacted) = redaction::redacted(text);
    if !body.as_str().chars().any(char::is_alphanumeric) {
        return Parsed::rejected(place, "no text");
    }
    if let Err(error) = front_matter::refuse_in_text(body.as_str()) {
        return Parsed::rejected(place, error.to_string());
    }
    let id = format!("{}/{}", place.source, place.relative);
    let meta = metadata(place, id, title_of_path(place), Stated::default(), body.as_str());
    Parsed { documents: vec![Document::new(meta, body, Syntax::Plain)], redacted, ..Parsed::default() }
}
