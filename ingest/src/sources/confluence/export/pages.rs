//! The pages of an XML export. Their texts are written to a file without a name as they come by, and read from there
//! page by page: an export is larger than the memory may be.

use super::{Contents, ExportError, PageStore, entities};
use crate::sources::confluence::{
    addresses::is_id,
    attachments::{Attachment, id_in},
    page::{Body, Comment, Page},
    settings::Settings,
};
use entities::Object;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    sync::{Mutex, PoisonError},
};

/// All texts together take no more of the disk.
const MAX_TEXT_BYTES: u64 = 16 << 30;

/// A page has no more pages above it.
const MAX_DEPTH: usize = 256;

/// The number by which the storage format is told.
const STORAGE_FORMAT: &str = "2";

/// The pages of `entities.xml`.
pub(super) struct EntityPages {
    pages: BTreeMap<String, Entry>,
    texts: Mutex<File>,
}

/// A page without its texts.
struct Entry {
    page: Page,
    body: Option<Place>,
    comments: Vec<(Comment, Place)>,
}

/// The place of a text in the file of texts.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u64,
    length: u64,
}

/// The objects that were read so far.
struct Entities {
    texts: BufWriter<File>,
    end: u64,
    /// The texts by their own ids.
    bodies: HashMap<String, Place>,
    /// The texts by the ids of the contents that they belong to.
    bodies_of: HashMap<String, Place>,
    old_markup: HashSet<String>,
    pages: BTreeMap<String, Object>,
    comments: Vec<Object>,
    attachments: Vec<Object>,
    spaces: HashMap<String, String>,
    users: HashMap<String, String>,
    labels: HashMap<String, String>,
    /// The media types and sizes of files, where they are objects of their own.
    media_types: HashMap<String, String>,
    file_sizes: HashMap<String, u64>,
    /// The ids of a content and of its label.
    labellings: Vec<(String, String)>,
    resolved: HashSet<String>,
    restricted: HashSet<String>,
}

/// Reads an XML export.
pub(super) fn of_entities(
    xml: impl Read,
    settings: &Settings,
) -> Result<(Contents, EntityPages), ExportError> {
    let mut entities = Entities::new()?;
    let has_bad_bytes = entities::for_each(xml, |object| entities.add(object))?;
    let zone = settings.export_zone();
    let mut contents = Contents { is_complete: true, ..Contents::default() };
    if has_bad_bytes {
        contents.warnings.push("bytes that are no UTF-8 were replaced".to_owned());
    }
    entities.finished(settings, &zone, contents)
}

impl Entities {
    fn new() -> Result<Self, ExportError> {
        Ok(Self {
            texts: BufWriter::new(tempfile::tempfile()?),
            end: 0,
            bodies: HashMap::new(),
            bodies_of: HashMap::new(),
            old_markup: HashSet::new(),
            pages: BTreeMap::new(),
            comments: Vec::new(),
            attachments: Vec::new(),
            spaces: HashMap::new(),
            users: HashMap::new(),
            labels: HashMap::new(),
            media_types: HashMap::new(),
            file_sizes: HashMap::new(),
            labellings: Vec::new(),
            resolved: HashSet::new(),
            restricted: HashSet::new(),
        })
    }

    fn add(&mut self, mut object: Object) -> Result<(), ExportError> {
        let text = |object: &Object, name: &str| object.text(name).unwrap_or_default().to_owned();
        match object.class.as_str() {
            "Page" | "BlogPost" if !object.is_old() && is_id(&object.id) => {
                self.pages.insert(object.id.clone(), object);
            }
            "Comment" if !object.is_old() && object.is_current() => self.comments.push(object),
            "Attachment" if !object.is_old() && object.is_current() => self.attachments.push(object),
            "BodyContent" => {
                let Some(body) = object.take_text("body") else { return Ok(()) };
                let of = object.reference("content").map(str::to_owned);
                if object.text("bodyType").is_some_and(|sort| sort != STORAGE_FORMAT) {
                    self.old_markup.extend(of.iter().cloned());
                }
                let place = self.keep(&with_ends(&body))?;
                self.bodies.insert(object.id.clone(), place);
                if let Some(of) = of {
                    self.bodies_of.insert(of, place);
                }
            }
            "Space" => drop(self.spaces.insert(object.id.clone(), text(&object, "key"))),
            "ConfluenceUserImpl" => drop(self.users.insert(object.id.clone(), text(&object, "name"))),
            "Label" if object.text("namespace").is_none_or(|namespace| namespace != "my") => {
                self.labels.insert(object.id.clone(), text(&object, "name"));
            }
            "Labelling" => {
                if let (Some(content), Some(label)) = (object.reference("content"), object.reference("label"))
                {
                    self.labellings.push((content.to_owned(), label.to_owned()));
                }
            }
            "ContentProperty"
                if object.text("name") == Some("status")
                    && object.text("stringValue") == Some("resolved") =>
            {
                self.resolved.extend(object.reference("content").map(str::to_owned));
            }
            "ContentProperty" if object.text("name") == Some("MEDIA_TYPE") => {
                if let (Some(file), Some(media_type)) =
                    (object.reference("content"), object.text("stringValue"))
                {
                    self.media_types.insert(file.to_owned(), media_type.to_owned());
                }
            }
            "ContentProperty" if object.text("name") == Some("FILESIZE") => {
                let size = object.text("longValue").and_then(|size| size.parse().ok());
                if let (Some(file), Some(size)) = (object.reference("content"), size) {
                    self.file_sizes.insert(file.to_owned(), size);
                }
            }
            "ContentPermissionSet"
                if object.text("type").is_some_and(|sort| sort.eq_ignore_ascii_case("view")) =>
            {
                self.restricted.extend(object.reference("owningContent").map(str::to_owned));
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes a text to the file of texts.
    fn keep(&mut self, text: &str) -> Result<Place, ExportError> {
        let place = Place { start: self.end, length: text.len() as u64 };
        self.end += place.length;
        if self.end > MAX_TEXT_BYTES {
            return Err(ExportError::TooLarge(format!("holds more than {MAX_TEXT_BYTES} bytes of text")));
        }
        self.texts.write_all(text.as_bytes())?;
        Ok(place)
    }

    fn body_of(&self, object: &Object) -> Option<Place> {
        let by_id = || object.references("bodyContents").iter().find_map(|id| self.bodies.get(id));
        self.bodies_of.get(&object.id).or_else(by_id).copied()
    }

    /// The pages above a page, the innermost first.
    fn above<'e>(&'e self, page: &'e Object) -> Vec<&'e Object> {
        let (mut above, mut seen) = (Vec::new(), BTreeSet::from([page.id.as_str()]));
        let mut parent = page.reference("parent");
        while let Some(page) = parent.and_then(|id| self.pages.get(id)) {
            if above.len() >= MAX_DEPTH || !seen.insert(page.id.as_str()) {
                break;
            }
            above.push(page);
            parent = page.reference("parent");
        }
        above
    }

    fn space_of(&self, page: &Object) -> String {
        page.reference("space").and_then(|id| self.spaces.get(id)).cloned().unwrap_or_default()
    }

    fn finished(
        mut self,
        settings: &Settings,
        zone: &TimeZone,
        mut contents: Contents,
    ) -> Result<(Contents, EntityPages), ExportError> {
        let mut labels_of: HashMap<&str, Vec<String>> = HashMap::new();
        for (content, label) in &self.labellings {
            if let Some(name) = self.labels.get(label) {
                labels_of.entry(content).or_default().push(name.clone());
            }
        }
        let container = |object: &Object| {
            let names = ["containerContent", "content", "owner"];
            names.iter().find_map(|name| object.reference(name)).map(str::to_owned)
        };
        let mut comments_of: HashMap<String, Vec<&Object>> = HashMap::new();
        for comment in self.comments.iter().filter(|comment| !self.resolved.contains(&comment.id)) {
            if let Some(page) = container(comment).filter(|_| settings.comments) {
                comments_of.entry(page).or_default().push(comment);
            }
        }
        let time = |object: &Object, name: &str| object.text(name).and_then(|text| instant(text, zone));
        let author = |object: &Object| {
            let names = ["lastModifier", "creator"];
            let mut names = names.iter().filter_map(|name| self.users.get(object.reference(name)?));
            names.find(|name| !name.is_empty()).cloned()
        };
        let number = |object: &Object, names: [&str; 2]| {
            names.iter().find_map(|name| object.text(name)?.parse::<u64>().ok())
        };
        let mut files_of: HashMap<String, Vec<Attachment>> = HashMap::new();
        for file in &self.attachments {
            let name = file.text("title").or_else(|| file.text("fileName"));
            if let (Some(page), Some(name)) = (container(file).filter(|_| settings.attachments), name) {
                let media_type = file.text("contentType").map(str::to_owned);
                let attachment = Attachment {
                    page: page.clone(),
                    id: id_in(&file.id).unwrap_or_default().to_owned(),
                    name: name.to_owned(),
                    media_type: media_type.or_else(|| self.media_types.get(&file.id).cloned()),
                    bytes: number(file, ["fileSize", "filesize"])
                        .or_else(|| self.file_sizes.get(&file.id).copied())
                        .filter(|bytes| *bytes > 0),
                    version: number(file, ["version", "attachmentVersion"]).unwrap_or(1),
                    author: author(file),
                    updated_at: time(file, "lastModificationDate"),
                    download: None,
                };
                files_of.entry(page).or_default().push(attachment);
            }
        }
        let mut pages = BTreeMap::new();
        for (id, object) in &self.pages {
            let (title, space) = (object.text("title").unwrap_or_default(), self.space_of(object));
            let is_wanted = object.class == "Page" || settings.blog_posts;
            if !is_wanted || !settings.has_space(&space) {
                continue;
            }
            let reject = |reason: &str| (id.clone(), title.to_owned(), reason.to_owned());
            if !object.is_current() {
                let status = object.text("contentStatus").unwrap_or_default();
                contents.rejected.push(reject(&format!("its status is `{status}`")));
                continue;
            }
            if self.old_markup.contains(id) {
                contents.rejected.push(reject("it is in the wiki markup of Confluence 3, which is not read"));
                continue;
            }
            let above = self.above(object);
            let files = files_of.remove(id).unwrap_or_default();
            let page = Page {
                id: id.clone(),
                title: title.to_owned(),
                space: space.clone(),
                ancestors: above
                    .iter()
                    .rev()
                    .map(|page| page.text("title").unwrap_or_default().to_owned())
                    .collect(),
                labels: labels_of.remove(id.as_str()).unwrap_or_default(),
                author: author(object),
                created_at: time(object, "creationDate"),
                updated_at: time(object, "lastModificationDate"),
                attachments: files.iter().map(|file| file.name.clone()).collect(),
                is_restricted: [object]
                    .into_iter()
                    .chain(above)
                    .any(|page| self.restricted.contains(&page.id)),
                ..Page::default()
            };
            let comments = comments_of.remove(id).unwrap_or_default().into_iter().filter_map(|comment| {
                let created_at = time(comment, "creationDate");
                let of_comment = Comment { id: comment.id.clone(), created_at, body: Body::default() };
                Some((of_comment, self.body_of(comment)?))
            });
            let body = self.body_of(object);
            let comments: Vec<(Comment, Place)> = comments.collect();
            let texts = body.iter().chain(comments.iter().map(|(_, place)| place));
            contents.sizes.insert(id.clone(), texts.map(|place| place.length).sum());
            contents.titles.insert(id.clone(), (space, title.to_owned()));
            let files = files.into_iter().filter(|file| !file.id.is_empty());
            contents.attachments.extend(files.map(|file| (file, None)));
            pages.insert(id.clone(), Entry { page, body, comments });
        }
        self.texts.flush()?;
        let texts = self.texts.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok((contents, EntityPages { pages, texts: Mutex::new(texts) }))
    }
}

/// A body with the ends of what is characters only in it, which the export writes with a space, for the whole body is
/// characters only to it. The same signs in code stay as they are.
fn with_ends(body: &str) -> String {
    let ends = body.replace("]] ></ac:plain-text-", "]]></ac:plain-text-");
    ends.replace("]]]] ><![CDATA[>", "]]]]><![CDATA[>")
}

/// A time as the export writes it, in the server's zone.
fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local = DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", text).ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp())
}

impl EntityPages {
    fn text(&self, place: Place) -> Result<String, String> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: std::io::Error| format!("its text cannot be read: {error}");
        texts.seek(SeekFrom::Start(place.start)).map_err(failed)?;
        let mut text = String::new();
        Read::by_ref(&mut *texts).take(place.length).read_to_string(&mut text).map_err(failed)?;
        Ok(text)
    }
}

impl PageStore for EntityPages {
    fn page(&self, id: &str) -> Result<Page, String> {
        let entry = self.pages.get(id).ok_or("it is not in the export")?;
        let mut page = entry.page.clone();
        if let Some(place) = entry.body {
            page.body = Body::Storage(self.text(place)?);
        }
        for (comment, place) in &entry.comments {
            let body = Body::Storage(self.text(*place)?);
            page.comments.push(Comment { body, ..comment.clone() });
        }
        page.sort_comments();
        Ok(page)
    }

    fn head(&self, id: &str) -> Result<Page, String> {
        self.pages.get(id).map(|entry| entry.page.clone()).ok_or_else(|| "it is not in the export".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_zone_of_the_server() {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").expect("there is one");
        let found = instant("2026-01-02 03:04:05.678", &zone).map(|time| time.to_string());
        assert_eq!(found.as_deref(), Some("2026-01-01T20:04:05.678Z"));
        assert_eq!(
            instant("2026-01-02 03:04:05", &TimeZone::UTC).map(|time| time.to_string()).as_deref(),
            Some("2026-01-02T03:04:05Z")
        );
        assert_eq!(instant("soon", &zone), None);
    }
}
