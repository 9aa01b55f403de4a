//! Exports of a space: the same pages as the live site's, and what is wrong with files.

use super::{
    super::{Settings, open},
    live::{read_all, settings, texts},
    site::{Site, State},
};
use crate::{
    formats::Defaults,
    sources::{Source, SyncState},
};
use std::{fmt::Write as _, fs::File, io::Write as _, path::Path};

/// The file `entities.xml` of a site's XML export.
fn entities_xml(state: &State) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<hibernate-generic datetime=\"2026-03-01 00:00:00\">\n",
    );
    // A text of characters only within another one has a space in its end.
    let text = |text: &str| format!("<![CDATA[{}]]>", text.replace("]]>", "]] >"));
    let mut object = |class: &str, id: &str, inside: &str| {
        writeln!(xml, "<object class=\"{class}\" package=\"com.atlassian.confluence\">\n<id name=\"id\">{id}</id>\n{inside}</object>")
            .expect("a string takes all");
    };
    let reference = |name: &str, class: &str, id: &str| {
        format!(
            "<property name=\"{name}\" class=\"{class}\" package=\"p\"><id name=\"id\">{id}</id>\n</property>\n"
        )
    };
    let property = |name: &str, value: &str| format!("<property name=\"{name}\">{value}</property>\n");
    object("Space", "1", &property("key", &text("OPS")));
    object("Space", "2", &property("key", &text("DEV")));
    object("ConfluenceUserImpl", "u1", &property("name", &text("Anna")));
    let mut labels = 900_000;
    for (id, entity) in &state.entities {
        let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S.000").to_string();
        let (class, parent) = match entity.sort {
            "page" => ("Page", entity.parent.as_ref().map(|id| reference("parent", "Page", id))),
            "blogpost" => ("BlogPost", None),
            "comment" => {
                ("Comment", entity.parent.as_ref().map(|id| reference("containerContent", "Page", id)))
            }
            _ => ("Attachment", entity.parent.as_ref().map(|id| reference("containerContent", "Page", id))),
        };
        let common = [
            property("title", &text(&entity.title)),
            property("version", &entity.number.to_string()),
            property("creationDate", &time(entity.created)),
            property("lastModificationDate", &time(entity.changed)),
            reference("lastModifier", "ConfluenceUserImpl", "u1"),
            reference("space", "Space", if entity.space == "OPS" { "1" } else { "2" }),
            parent.unwrap_or_default(),
        ]
        .concat();
        let body_id = format!("7{id}");
        let bodies = format!(
            "<collection name=\"bodyContents\" class=\"java.util.Collection\"><element class=\"BodyContent\" package=\"p\"><id name=\"id\">{body_id}</id>\n</element>\n</collection>\n"
        );
        let status = property("contentStatus", &text(entity.status));
        object(class, id, &format!("{common}{bodies}{status}{}", property("originalVersionId", "")));
        let body = |body: &str| format!("{}{}", property("body", &text(body)), property("bodyType", "2"));
        object(
            "BodyContent",
            &body_id,
            &format!("{}{}", body(&entity.body), reference("content", class, id)),
        );
        // The entity's earlier version.
        let (old, old_body) = (format!("8{id}"), format!("9{id}"));
        object(class, &old, &format!("{common}{}{status}", reference("originalVersion", class, id)));
        object(
            "BodyContent",
            &old_body,
            &format!("{}{}", body("<p>old words</p>"), reference("content", class, &old)),
        );
        for label in &entity.labels {
            labels += 2;
            let (label_id, of_page) = (labels.to_string(), (labels + 1).to_string());
            object(
                "Label",
                &label_id,
                &format!("{}{}", property("name", &text(label)), property("namespace", &text("global"))),
            );
            object(
                "Labelling",
                &of_page,
                &format!("{}{}", reference("label", "Label", &label_id), reference("content", "Page", id)),
            );
        }
        if entity.sort == "attachment" {
            for (name, value) in [
                ("MEDIA_TYPE", property("stringValue", &text(State::media_type(&entity.title)))),
                ("FILESIZE", property("longValue", &entity.body.len().to_string())),
            ] {
                let of_file = [property("name", &text(name)), value, reference("content", class, id)];
                labels += 2;
                object("ContentProperty", &labels.to_string(), &of_file.concat());
            }
        }
        if entity.is_resolved {
            let resolved = [
                property("name", &text("status")),
                property("stringValue", &text("resolved")),
                reference("content", "Comment", id),
            ];
            object("ContentProperty", &format!("6{id}"), &resolved.concat());
        }
        if entity.is_restricted {
            let set = [property("type", &text("View")), reference("owningContent", "Page", id)];
            object("ContentPermissionSet", &format!("5{id}"), &set.concat());
        }
    }
    xml.push_str("</hibernate-generic>\n");
    xml
}

/// The attached files of an XML export, by path, each with what it was before.
fn attached(state: &State) -> Vec<(String, Vec<u8>)> {
    let files = state.entities.iter().filter(|(_, entity)| entity.sort == "attachment");
    let versions = files.flat_map(|(id, entity)| {
        let folder = format!("attachments/{}/{id}", entity.parent.as_deref().unwrap_or_default());
        let old = (1..entity.number).map(move |number| (number, b"old words\n".to_vec()));
        let now = (entity.number, entity.body.clone().into_bytes());
        old.chain([now]).map(move |(number, bytes)| (format!("{folder}/{number}"), bytes))
    });
    versions.collect()
}

/// Writes files below a folder.
fn unpack(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("there is space");
        std::fs::write(path, bytes).expect("there is space");
    }
}

fn export(path: &Path, site: &Site, more: &str) -> Box<dyn Source> {
    let folder = tempfile::tempdir().expect("a directory");
    let settings = Settings { export: Some(path.to_owned()), ..settings(site, folder.path(), more) };
    open("wiki".to_owned(), settings, Defaults::default()).expect("the settings are right")
}

/// Packs files.
fn zip(path: &Path, files: &[(&str, &[u8])]) {
    let mut archive = zip::ZipWriter::new(File::create(path).expect("there is space"));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).expect("there is space");
        archive.write_all(bytes).expect("there is space");
    }
    archive.finish().expect("there is space");
}

/// A space with something of everything.
async fn space(is_cloud: bool) -> Site {
    let site = Site::start(is_cloud).await;
    {
        let mut state = site.state();
        state.put_page("1", "Operations & more", None, "<p>Our runbooks.</p>");
        let code = "<p>See <ac:link><ri:page ri:content-title=\"Restart\"/></ac:link>.</p>\
            <ac:structured-macro ac:name=\"code\"><ac:parameter ac:name=\"language\">sh</ac:parameter>\
            <ac:plain-text-body><![CDATA[kubectl get pods && echo \"<none>\"\n[[ -f x ]] > y && echo \"a]]]]><![CDATA[>b\"]]></ac:plain-text-body>\
            </ac:structured-macro>";
        state.put_page("2", "Relay down", Some("1"), code).labels = vec!["runbook", "relay"];
        state.put_page("3", "Restart", Some("2"), "<h1>Restart</h1><p>Đợi 5 phút&hellip; 再起動する。</p>");
        state.put_page("4", "Secret", Some("1"), "<p>hidden words</p>").is_restricted = true;
        state.put_page("5", "Below", Some("4"), "<p>hidden words, too</p>");
        state.put_page("6", "Draft", Some("1"), "<p>x</p>").status = "draft";
        state.put_page("7", "Archived", Some("1"), "<p>x</p>").status = "archived";
        state.put_page("8", "Gone", Some("1"), "<p>x</p>").status = "deleted";
        state.put_page("9", "Of others", None, "<p>x</p>").space = "DEV";
        state.put("10", "blogpost", "News", None, "<p>A new relay.</p>");
        state.put("20", "comment", "", Some("2"), "<p>First, <code>relayctl</code>.</p>");
        state.put("21", "comment", "", Some("2"), "<p>Resolved.</p>").is_resolved = true;
        state.put("22", "comment", "", Some("2"), "<p>Second.</p>");
        state.put("23", "comment", "", Some("10"), "<p>On news.</p>");
        state.put_file("30", "plan.md", "2", "# Not this one\n");
        state.put_file("30", "plan.md", "2", "Plan B.\n\n## Order\n\nRestart the relay first. 再起動。\n");
        state.put_file("31", "x.png", "2", "x");
        state.put_file("32", "notes", "2", "The relay is in rack nine.\n");
        state.put_file("33", "hidden.md", "5", "Hidden words of a file.\n");
        state.put_file("34", "archived.md", "7", "Archived words.\n");
        state.put_file("35", "gone.md", "2", "Words in the trash.\n").status = "trashed";
        state.put_file("36", "of news.txt", "10", "Words of news.\n");
        state.put_file("37", "sheet.xlsx", "2", "x");
    }
    site
}

#[tokio::test]
async fn an_export_and_the_live_site_give_the_same() {
    for is_cloud in [true, false] {
        for more in [
            "",
            "restrictions = { access = [\"leads\"] }",
            "comments = false\nattachments = false\nblog_posts = false",
        ] {
            let site = space(is_cloud).await;
            let folder = tempfile::tempdir().expect("a directory");
            let live = open("wiki".to_owned(), settings(&site, folder.path(), more), Defaults::default());
            let (live, reported) = read_all(live.expect("the settings are right").as_ref()).await;
            let xml = entities_xml(&site.state());
            let plain = folder.path().join("entities.xml");
            std::fs::write(&plain, &xml).expect("there is space");
            let packed = folder.path().join("export.zip");
            let attached = attached(&site.state());
            let attached: Vec<(&str, &[u8])> =
                attached.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
            unpack(folder.path(), &attached);
            let others = [("exportDescriptor.properties", &b"x"[..]), ("entities.xml", xml.as_bytes())];
            zip(&packed, &[&others, attached.as_slice()].concat());
            for path in [plain.as_path(), packed.as_path(), folder.path()] {
                let (exported, of_export) = read_all(export(path, &site, more).as_ref()).await;
                assert_eq!(texts(&exported), texts(&live), "{more} {}", path.display());
                for (id, document) in &exported {
                    let (ours, theirs) = (&document.meta, &live[id].meta);
                    assert_eq!(
                        (&ours.title, ours.kind, &ours.labels),
                        (&theirs.title, theirs.kind, &theirs.labels)
                    );
                    assert_eq!((&ours.access, &ours.links), (&theirs.access, &theirs.links));
                    assert_eq!((ours.created_at, ours.updated_at), (theirs.created_at, theirs.updated_at));
                    assert_eq!(document.meta.author, theirs.author);
                    // The address of a page ends in its title, where that was told.
                    if id.contains("attachment") {
                        assert_eq!(document.content_hash, live[id].content_hash, "{id}");
                        assert_eq!((&document.above, &ours.url), (&live[id].above, &theirs.url));
                    }
                }
                let restricted = |reported: &[String]| {
                    let mut found: Vec<String> = reported
                        .iter()
                        .filter(|line| line.contains("only some may view it"))
                        .cloned()
                        .collect();
                    found.sort();
                    found
                };
                assert_eq!(restricted(&of_export), restricted(&reported));
                let not_read = |reported: &[String]| {
                    reported.iter().find(|line| line.contains("in no format that is read")).cloned()
                };
                assert_eq!(not_read(&of_export), not_read(&reported));
                let statuses = of_export.iter().filter(|line| line.contains("its status is")).count();
                assert_eq!(statuses, 3, "{of_export:?}");
            }
            let ids: Vec<&str> = live.keys().map(String::as_str).collect();
            match more {
                "" => {
                    let files =
                        ["wiki/10/attachment/36", "wiki/2", "wiki/2/attachment/30", "wiki/2/attachment/32"];
                    assert_eq!(ids, [&["wiki/1", "wiki/10"], &files[..], &["wiki/3"]].concat());
                    assert!(live["wiki/2/attachment/30"].body.as_str().starts_with("Plan B."));
                    let text = live["wiki/2"].body.as_str();
                    assert!(
                        text.contains("```sh\nkubectl get pods && echo \"<none>\"\n[[ -f x ]] > y && echo \"a]]>b\"\n```"),
                        "{text}"
                    );
                    assert_eq!(live["wiki/2"].meta.links[0].target, "wiki/3");
                }
                _ if more.starts_with("restrictions") => {
                    assert_eq!(live["wiki/5"].meta.access, ["leads"]);
                    assert_eq!(live["wiki/5/attachment/33"].meta.access, ["leads"]);
                }
                _ => {
                    assert!(ids.iter().all(|id| !id.contains("attachment")), "{ids:?}");
                    assert!(!live.contains_key("wiki/10"));
                    assert!(!live["wiki/2"].body.as_str().contains("First"));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_web_export_has_the_same_ids() {
    let site = space(true).await;
    let page = |title: &str, crumbs: &str, main: &str, below: &str| {
        format!(
            "<!DOCTYPE html><html><head><title>Ops : {title}</title></head><body><div id=\"page\"><div id=\"main-header\">\
             <ol id=\"breadcrumbs\"><li class=\"first\"><a href=\"index.html\">Ops</a></li>{crumbs}</ol>\
             <h1 id=\"title-heading\"><span id=\"title-text\"> Ops : {title} </span></h1></div>\
             <div class=\"page-metadata\">Created by <span class='author'> Anna</span> on Jan 02, 2026</div>\
             <div id=\"main-content\" class=\"wiki-content group\">{main}</div>{below}</div>\
             <div id=\"footer\">Document generated by Confluence</div></body></html>"
        )
    };
    let index = "<html><body><table><tr><th>Key</th><td>OPS</td></tr></table><a href=\"Relay-down_2.html\">Relay down</a></body></html>";
    let relay = page(
        "Relay down",
        "<li><a href=\"Operations_1.html\">Operations</a></li>",
        "<h1 id=\"Relaydown-Fix\">Fix</h1><p>See <a href=\"3.html\">the restart page</a>.</p>\
         <div class=\"confluence-information-macro confluence-information-macro-warning\"><div class=\"confluence-information-macro-body\"><p>Mind.</p></div></div>\
         <div class=\"code panel pdl\"><div class=\"codeContent panelContent pdl\"><pre class=\"syntaxhighlighter-pre\" data-syntaxhighlighter-params=\"brush: bash; gutter: false\">kubectl get pods\nkubectl logs</pre></div></div>",
        "<div class=\"pageSection group\"><div class=\"pageSectionHeader\"><h2 id=\"attachments\">Attachments:</h2></div>\
         <div class=\"greybox\"><img src=\"images/bullet.gif\"/><a href=\"attachments/2/30.md\">plan.md</a> (text/plain)<br/>\
         <a href=\"attachments/2/31.png\">x.png</a> (image/png)<br/><a href=\"attachments/2/39.md\">lost.md</a> (text/plain)</div></div>",
    );
    let restart = page("再起動", "", "<p>待つ。</p>", "");
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("html.zip");
    let files: [(&str, &[u8]); 7] = [
        ("OPS/index.html", index.as_bytes()),
        ("OPS/Relay-down_2.html", relay.as_bytes()),
        ("OPS/3.html", restart.as_bytes()),
        ("OPS/attachments/2/5_6.html", b"<p>no page</p>"),
        ("OPS/attachments/2/30.md", b"Restart the relay first.\n"),
        ("OPS/attachments/2/31.png", b"x"),
        ("OPS/styles/site.css", b"p{}"),
    ];
    zip(&path, &files);
    let unpacked = folder.path().join("unpacked");
    unpack(&unpacked, &files);
    for path in [&path, &unpacked] {
        let (documents, reported) = read_all(export(path, &site, "").as_ref()).await;
        let ids: Vec<&str> = documents.keys().map(String::as_str).collect();
        assert_eq!(ids, ["wiki/2", "wiki/2/attachment/30", "wiki/3"]);
        assert_eq!(
            reported,
            [
                "wiki (attachments): 1 attached file is in no format that is read: 1 .png",
                "wiki/2/attachment/39 (Relay down: lost.md): the export does not hold the file; make one with attachments"
            ]
        );
        let plan = &documents["wiki/2/attachment/30"];
        assert_eq!(
            (plan.body.as_str(), plan.meta.title.as_str()),
            ("Restart the relay first.\n", "Relay down: plan.md")
        );
        assert_eq!(plan.above, ["Operations › Relay down"]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(documents["wiki/2"].body.as_str(), @r"
            # Operations

            ## Fix {#Relaydown-Fix}

            See the restart page.

            **Warning:**

            Mind.

            ```bash
            kubectl get pods
            kubectl logs
            ```

            ## Attachments

            - lost.md
            - plan.md
            ");
        }
        let meta = &documents["wiki/2"].meta;
        assert_eq!((meta.title.as_str(), meta.author.as_deref()), ("Relay down", Some("Anna")));
        assert_eq!(meta.links[0].target, "wiki/3");
        let url = format!("{}/spaces/OPS/pages/2", site.url);
        assert_eq!(meta.url.as_deref(), Some(url.as_str()));
        let listing = export(path, &site, "").list(&SyncState::default()).await.expect("it can be listed");
        assert!(listing.warnings[0].message.contains("who may view"), "{:?}", listing.warnings);
    }
}

#[tokio::test]
async fn what_is_no_whole_export_is_refused() {
    let site = space(true).await;
    let folder = tempfile::tempdir().expect("a directory");
    let at = |name: &str| folder.path().join(name);
    let xml = entities_xml(&site.state());
    let half = &xml.as_bytes()[..xml.len() / 2];
    zip(&at("half.zip"), &[("entities.xml", half)]);
    zip(&at("other.zip"), &[("readme.txt", b"x")]);
    let bomb = format!("<hibernate-generic>{}", "<!---->".repeat(12 << 20));
    zip(&at("bomb.zip"), &[("entities.xml", bomb.as_bytes())]);
    std::fs::write(at("long.xml"), format!("<hibernate-generic>{}", " ".repeat(40 << 20)))
        .expect("there is space");
    std::fs::write(at("cut.zip"), b"PK\x03\x04 and no more").expect("there is space");
    std::fs::create_dir(at("empty")).expect("there is space");
    for (name, reason) in [
        ("half.zip", "entities.xml is damaged at byte"),
        ("other.zip", "is no export of a space"),
        ("bomb.zip", "it unpacks to more than 100 times"),
        ("long.xml", "an object is larger than"),
        ("cut.zip", "cannot be read as an archive"),
        ("empty", "is no export of a space"),
        ("absent", "cannot be read"),
    ] {
        let listed = export(&at(name), &site, "").list(&SyncState::default()).await;
        let said = listed.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(reason), "{name}: {said}");
    }
    // Bad code points cost a warning, and not the page.
    let bad = [
        &xml.as_bytes()[..xml.find("Our runbooks").expect("it is there")],
        b"\xff\x0b",
        &xml.as_bytes()[xml.find("Our runbooks").expect("it is there")..],
    ]
    .concat();
    std::fs::write(at("entities.xml"), bad).expect("there is space");
    let listing =
        export(&at("entities.xml"), &site, "").list(&SyncState::default()).await.expect("it can be listed");
    assert_eq!(listing.warnings[0].message, "bytes that are no UTF-8 were replaced");
    assert!(listing.is_complete && listing.items.len() == 10, "{}", listing.items.len());
}
