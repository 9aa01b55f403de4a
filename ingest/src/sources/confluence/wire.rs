//! The replies of Confluence's REST API about a page, a comment or an attached file. Absent fields are expected: which
//! fields there are depends on the edition, its version and the rights of the token's owner.

use super::{
    addresses::is_id,
    attachments::{self, Attachment},
    page::{Body, Comment, Page},
};
use jiff::Timestamp;
use serde_json::Value;

/// The fields of each content that a listing asks for.
pub(super) const LISTED: &str = "version,space,container,ancestors,extensions.resolution,metadata,\
                                 restrictions.read.restrictions.user,restrictions.read.restrictions.group";

/// The fields that show who may view a page.
pub(super) const RESTRICTIONS: &str =
    "restrictions.read.restrictions.user,restrictions.read.restrictions.group";

/// The fields for reading files: all of a page but its text.
pub(super) const HEAD: &str = "version,space,metadata.labels,ancestors,\
                               restrictions.read.restrictions.user,restrictions.read.restrictions.group";

/// The fields that describe one attached file.
pub(super) const FILE: &str = "version,space,container,extensions,metadata";

/// The fields for reading pages.
pub(super) const READ: &str = "body.storage,version,space,metadata.labels,history,ancestors,\
                               restrictions.read.restrictions.user,restrictions.read.restrictions.group";

/// The same where the storage format cannot be had.
pub(super) const READ_AS_VIEW: &str = "body.view,version,space,metadata.labels,history,ancestors,\
                                       restrictions.read.restrictions.user,restrictions.read.restrictions.group";

/// The fields for reading comments and naming attached files.
pub(super) const CHILDREN: &str = "body.storage,version,history,container,extensions.resolution";

/// The same where the storage format cannot be had.
pub(super) const CHILDREN_AS_VIEW: &str = "body.view,version,history,container,extensions.resolution";

/// One content of a reply.
#[derive(Debug, Clone)]
pub(super) struct Content(pub(super) Value);

impl Content {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer).and_then(Value::as_str)
    }

    fn number(&self, pointer: &str) -> Option<u64> {
        let value = self.0.pointer(pointer)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// An id, which some versions write as a number.
    fn id_at(&self, pointer: &str) -> Option<String> {
        let value = self.0.pointer(pointer)?;
        value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|id| id.to_string()))
    }

    fn time(&self, pointer: &str) -> Option<Timestamp> {
        self.text(pointer)?.parse().ok()
    }

    fn items(&self, pointer: &str) -> impl Iterator<Item = Content> {
        let items = self.0.pointer(pointer).and_then(Value::as_array);
        items.into_iter().flatten().cloned().map(Content)
    }

    /// The content's id; `None` if it is not a valid one.
    pub(super) fn id(&self) -> Option<String> {
        self.id_at("/id").filter(|id| is_id(id.strip_prefix("att").unwrap_or(id)))
    }

    /// `page`, `blogpost`, `comment`, `attachment`.
    pub(super) fn sort(&self) -> &str {
        self.text("/type").unwrap_or_default()
    }

    /// Whether it is a page or a blog post.
    pub(super) fn is_page(&self) -> bool {
        matches!(self.sort(), "page" | "blogpost")
    }

    /// Whether it is shown: no draft, not archived, not in the trash.
    pub(super) fn is_current(&self) -> bool {
        self.text("/status").is_none_or(|status| status == "current")
    }

    pub(super) fn title(&self) -> String {
        self.text("/title").unwrap_or_default().to_owned()
    }

    /// The key of its space.
    pub(super) fn space(&self) -> String {
        self.text("/space/key").unwrap_or_default().to_owned()
    }

    /// The number of its version.
    pub(super) fn version(&self) -> u64 {
        self.number("/version/number").unwrap_or(0)
    }

    /// When it was last changed.
    pub(super) fn changed_at(&self) -> Option<Timestamp> {
        self.time("/version/when").or_else(|| self.time("/history/lastUpdated/when"))
    }

    /// The id of the page that a comment or a file is of.
    pub(super) fn container(&self) -> Option<String> {
        self.id_at("/container/id").filter(|id| is_id(id))
    }

    /// The ids of the pages above it.
    pub(super) fn ancestors(&self) -> Vec<String> {
        self.items("/ancestors").filter_map(|ancestor| ancestor.id()).collect()
    }

    /// Whether it has restrictions of its own on who may view it.
    pub(super) fn is_restricted(&self) -> bool {
        ["user", "group"].iter().any(|of| {
            let restricted = format!("/restrictions/read/restrictions/{of}");
            let size = self.number(&format!("{restricted}/size")).unwrap_or(0);
            size > 0 || self.items(&format!("{restricted}/results")).next().is_some()
        })
    }

    /// The content's text; in HTML if only that was asked for. `None` if the reply has no text.
    pub(super) fn body(&self) -> Option<Body> {
        let storage = self.text("/body/storage/value").map(|text| Body::Storage(text.to_owned()));
        storage.or_else(|| self.text("/body/view/value").map(|text| Body::View(text.to_owned())))
    }

    /// Whether a comment was resolved.
    fn is_resolved(&self) -> bool {
        self.text("/extensions/resolution/status") == Some("resolved")
    }

    /// Whether it is a comment that was not resolved, or a file.
    pub(super) fn is_shown_child(&self) -> bool {
        let is_child = matches!(self.sort(), "comment" | "attachment");
        is_child && self.is_current() && !self.is_resolved()
    }

    /// The page without its comments and files; `None` without a text.
    pub(super) fn page(&self) -> Option<Page> {
        Some(Page { body: self.body()?, ..self.head()? })
    }

    /// The attached file, if it is one that is shown and a page has it.
    pub(super) fn attachment(&self) -> Option<Attachment> {
        let is_shown = self.sort() == "attachment" && self.is_shown_child();
        let either = |names: [&str; 2]| names.into_iter().find_map(|name| self.text(name).map(str::to_owned));
        Some(Attachment {
            page: self.container().filter(|_| is_shown)?,
            id: attachments::id_in(&self.id()?)?.to_owned(),
            name: self.title(),
            media_type: either(["/extensions/mediaType", "/metadata/mediaType"]),
            bytes: self.number("/extensions/fileSize").filter(|bytes| *bytes > 0),
            version: self.version(),
            author: self.text("/version/by/displayName").map(str::to_owned),
            updated_at: self.changed_at(),
            download: self.text("/_links/download").map(str::to_owned),
        })
    }

    /// The page without its text, its comments and its files.
    pub(super) fn head(&self) -> Option<Page> {
        let named = |pointer: &str| self.text(pointer).map(str::to_owned);
        let author = named("/version/by/displayName").or_else(|| named("/history/createdBy/displayName"));
        Some(Page {
            id: self.id()?,
            title: self.title(),
            space: self.space(),
            ancestors: self.items("/ancestors").map(|ancestor| ancestor.title()).collect(),
            labels: self
                .items("/metadata/labels/results")
                .filter_map(|label| label.text("/name").map(str::to_owned))
                .collect(),
            author,
            created_at: self.time("/history/createdDate"),
            updated_at: self.changed_at(),
            address: named("/_links/webui"),
            is_restricted: self.is_restricted(),
            ..Page::default()
        })
    }

    /// The comment, if it is one that is shown.
    pub(super) fn comment(&self) -> Option<Comment> {
        let is_shown = self.sort() == "comment" && self.is_shown_child();
        Some(Comment {
            id: self.id().filter(|_| is_shown)?,
            created_at: self.time("/history/createdDate").or_else(|| self.time("/version/when")),
            body: self.body()?,
        })
    }
}

/// One page of a listing.
#[derive(Debug)]
pub(super) struct Results {
    /// The contents on this page of results.
    pub(super) contents: Vec<Content>,
    /// The number of results, those included that are not contents of ours.
    pub(super) len: usize,
    /// The address of the next page.
    pub(super) next: Option<String>,
}

impl Results {
    /// Reads a reply; `None` if it is not a listing.
    pub(super) fn of(reply: Value) -> Option<Self> {
        let Value::Object(mut reply) = reply else { return None };
        let Some(Value::Array(results)) = reply.remove("results") else { return None };
        let next = reply.get("_links").and_then(|links| links.get("next")).and_then(Value::as_str);
        let next = next.map(str::to_owned).filter(|next| !next.is_empty());
        let len = results.len();
        // The search of some versions puts the content into an envelope.
        let content = |mut result: Value| match result.get_mut("content").map(Value::take) {
            Some(content) if content.is_object() => Content(content),
            _ => Content(result),
        };
        Some(Self { contents: results.into_iter().map(content).collect(), len, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn contents_are_read_as_they_come() {
        let page = Content(json!({
            "id": "123", "type": "page", "status": "current", "title": "T",
            "space": {"key": "OPS", "name": "Ops"},
            "version": {"number": 7, "when": "2026-01-02T03:04:05.000+09:00", "by": {"displayName": "A"}},
            "history": {"createdDate": "2025-01-02T03:04:05.000Z"},
            "ancestors": [{"id": "1", "title": "Root"}, {"id": 2, "title": "Sub"}],
            "metadata": {"labels": {"results": [{"name": "runbook"}, {}]}},
            "body": {"storage": {"value": "<p>x</p>"}},
            "_links": {"webui": "/spaces/OPS/pages/123/T"}
        }));
        assert_eq!((page.id().as_deref(), page.version(), page.is_restricted()), (Some("123"), 7, false));
        assert_eq!(page.ancestors(), ["1", "2"]);
        let read = page.page().expect("it has a text");
        assert_eq!(
            (read.ancestors.join("/"), read.labels.join("/")),
            ("Root/Sub".to_owned(), "runbook".to_owned())
        );
        assert_eq!(read.updated_at, "2026-01-01T18:04:05Z".parse().ok());
        assert_eq!((read.author.as_deref(), read.body), (Some("A"), Body::Storage("<p>x</p>".to_owned())));
        let restricted = json!({"id": 9, "restrictions": {"read": {"restrictions": {
            "user": {"results": [], "size": 0}, "group": {"results": [{"name": "leads"}], "size": 1}}}}});
        assert!(Content(restricted).is_restricted());
        for (id, read) in [(json!("att42"), Some("att42")), (json!("../x"), None), (json!(null), None)] {
            assert_eq!(Content(json!({"id": id})).id().as_deref(), read);
        }
    }

    #[test]
    fn attached_files_are_read_as_either_edition_writes_them() {
        let cloud = json!({"id": "att30", "type": "attachment", "status": "current", "title": "plan.pdf",
            "version": {"number": 3, "when": "2026-01-02T03:04:05.000Z", "by": {"displayName": "A"}},
            "container": {"id": 7, "type": "page"},
            "extensions": {"mediaType": "application/pdf", "fileSize": 1234},
            "_links": {"download": "/rest/api/content/7/child/attachment/att30/download"}});
        let file = Content(cloud.clone()).attachment().expect("it is one");
        assert_eq!((file.key().as_str(), file.version, file.bytes), ("7/attachment/30", 3, Some(1234)));
        assert_eq!(
            (file.media_type.as_deref(), file.author.as_deref()),
            (Some("application/pdf"), Some("A"))
        );
        let older = json!({"id": 30, "type": "attachment", "title": "plan.pdf", "container": {"id": "7"},
            "metadata": {"mediaType": "application/pdf"}});
        let file = Content(older).attachment().expect("it is one");
        assert_eq!(
            (file.key().as_str(), file.media_type.as_deref()),
            ("7/attachment/30", Some("application/pdf"))
        );
        for (key, value) in
            [("status", json!("trashed")), ("type", json!("comment")), ("container", json!({}))]
        {
            let mut other = cloud.clone();
            other[key] = value;
            assert_eq!(Content(other).attachment(), None, "{key}");
        }
    }

    #[test]
    fn comments_that_were_resolved_are_none() {
        let comment = |status: &str, resolution: Value| {
            Content(json!({"id": "5", "type": "comment", "status": status, "body": {"view": {"value": "x"}},
                "extensions": {"location": "inline", "resolution": resolution}}))
        };
        assert!(comment("current", json!({"status": "open"})).comment().is_some());
        assert!(comment("current", Value::Null).comment().is_some());
        assert!(comment("current", json!({"status": "resolved"})).comment().is_none());
        assert!(comment("draft", Value::Null).comment().is_none());
    }

    #[test]
    fn listings_are_told_from_other_replies() {
        let results = Results::of(json!({"results": [{"id": "1"}, {"content": {"id": "2"}, "title": "x"}],
            "_links": {"next": "/rest/api/content/search?cursor=a"}}));
        let results = results.expect("it is one");
        let ids: Vec<_> = results.contents.iter().filter_map(Content::id).collect();
        assert_eq!((ids.join(" "), results.len), ("1 2".to_owned(), 2));
        assert_eq!(results.next.as_deref(), Some("/rest/api/content/search?cursor=a"));
        assert!(Results::of(json!({"message": "no"})).is_none() && Results::of(json!([])).is_none());
    }
}
