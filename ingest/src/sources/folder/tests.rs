use super::*;
use kb::text::is_invisible;
use std::{fs, os::unix::fs::symlink};

fn folder(path: &Path) -> Folder {
    resolve(&[path.to_owned()], None).expect("it is a folder").remove(0)
}

#[test]
fn sources_are_named_after_the_last_component() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let docs = dir.path().join("docs");
    fs::create_dir_all(docs.join("sub")).expect("it can be made");
    fs::write(docs.join("sub/page.md"), "x").expect("it can be written");
    for (path, name) in [
        ("docs", "docs"),
        ("docs/", "docs"),
        ("docs/.", "docs"),
        ("docs/sub/..", "docs"),
        ("docs/sub", "sub"),
        ("docs/sub/page.md", "sub"),
    ] {
        assert_eq!(folder(&dir.path().join(path)).name, name, "{path}");
    }
    let both = [docs.clone(), docs.join("sub/..")];
    assert!(matches!(resolve(&both, None), Err(PathError::SameSource { .. })));
    assert!(matches!(resolve(&both, Some("x")), Err(PathError::OneNameManyPaths { paths: 2 })));
    for bad in ["", "a/b", "..", "a\nb", "a\u{202e}b"] {
        assert!(
            matches!(resolve(std::slice::from_ref(&docs), Some(bad)), Err(PathError::BadName { .. })),
            "{bad:?}"
        );
    }
    assert!(matches!(resolve(&[PathBuf::from("/")], None), Err(PathError::Nameless { .. })));
}

#[test]
fn names_that_are_not_what_they_seem_are_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for name in ["a\u{202e}dm.exe.md", "b\u{200b}.md", "c\u{1b}[31m.md", "頁.md"] {
        fs::write(dir.path().join(name), "text").expect("it can be written");
    }
    let listing = folder(dir.path()).list().expect("it lists");
    let files: Vec<&str> = listing.files.iter().map(|file| file.relative.as_str()).collect();
    assert_eq!(files, ["頁.md"]);
    assert_eq!(listing.rejected.len(), 3);
    for rejection in &listing.rejected {
        assert!(rejection.path.contains(char::REPLACEMENT_CHARACTER), "{rejection:?}");
        assert!(!rejection.path.chars().any(is_invisible), "{rejection:?}");
    }
}

/// Makes files and links (`name -> target`), and checks their listing: `path` for a file, and `path: reason` for a
/// rejected entry.
#[track_caller]
fn check_listed(entries: &[&str], root: &str, expected: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for entry in entries {
        let (path, target) = match entry.split_once(" -> ") {
            Some((path, target)) => (path, Some(target)),
            None => (*entry, None),
        };
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        match target {
            Some(target) => symlink(target, &path).expect("a link can be made"),
            None => fs::write(&path, *entry).expect("it can be written"),
        }
    }
    let folder = folder(&dir.path().join(root));
    let listing = folder.list().expect("it lists");
    for file in &listing.files {
        folder.read(file).unwrap_or_else(|error| panic!("{}: {error}", file.relative));
    }
    let shown_root = dir.path().join(root);
    let rejected = listing.rejected.iter().filter(|rejection| !rejection.reason.starts_with("hidden"));
    let rejected = rejected.map(|rejection| {
        let path = Path::new(&rejection.path).strip_prefix(&shown_root).expect("below the root");
        let reason = rejection.reason.trim_start_matches("a symbolic link ");
        format!("{}: {}", path.display(), &reason[..reason.floor_char_boundary(16)])
    });
    let mut listed: Vec<String> =
        listing.files.iter().map(|file| file.relative.clone()).chain(rejected).collect();
    listed.sort();
    assert_eq!(listed, expected, "{entries:?}");
    dir
}

#[test]
fn links_that_stay_below_the_root_are_followed_once() {
    // A mounted ConfigMap, with a folder of its items.
    check_listed(
        &[
            "cm/..2026_11_27/relay.md",
            "cm/..2026_11_27/sub/queue.md",
            "cm/..data -> ..2026_11_27",
            "cm/relay.md -> ..data/relay.md",
            "cm/sub -> ..data/sub",
        ],
        "cm",
        &["relay.md", "sub/queue.md"],
    );
    // A folder of git-sync: named itself, and by its link.
    let git = ["git/.worktrees/5f3a/docs/a.md", "git/.worktrees/5f3a/.git", "git/current -> .worktrees/5f3a"];
    check_listed(&git, "git", &["current/docs/a.md"]);
    check_listed(&git, "git/current", &["docs/a.md"]);
    // A file has its own name where it is seen under it.
    check_listed(
        &["k/latest -> v2", "k/v2/a.md", "k/b.md -> v2/a.md", "k/c.md -> v2/a.md"],
        "k",
        &["b.md: a file that is r", "c.md: a file that is r", "latest: to a folder that", "v2/a.md"],
    );
    check_listed(
        &["k/b.md -> .h/a.md", "k/c.md -> .h/a.md", "k/.h/a.md"],
        "k",
        &["b.md", "c.md: a file that is r"],
    );
    // Loops.
    check_listed(
        &["k/a.md", "k/self -> .", "k/sub/up -> ..", "k/x -> y", "k/y -> x"],
        "k",
        &[
            "a.md",
            "self: to a folder that",
            "sub/up: to a folder that",
            "x: that cannot be f",
            "y: that cannot be f",
        ],
    );
    check_listed(
        &["k/.h/a.md", "k/.h/l -> ..", "k/p -> .h", "k/q -> .h/l"],
        "k",
        &["p/a.md", "p/l: to a folder that", "q: to a folder that"],
    );
    check_listed(
        &["k/.h/a.md", "k/.h/s/b.md", "k/p -> .h/s", "k/q -> .h"],
        "k",
        &["p/b.md", "q/a.md", "q/s: a folder that is"],
    );
}

#[test]
fn links_that_leave_the_root_are_refused() {
    check_listed(
        &[
            "secret.md",
            "other/a.md",
            "k/out.md -> ../secret.md",
            "k/far -> ../other",
            "k/etc.md -> /etc/passwd",
            "k/none.md -> nothing",
            "k/via.md -> ../k/../secret.md",
            "k/hop.md -> hop2",
            "k/hop2 -> ../secret.md",
            "k/back.md -> ../k/.h/page.md",
            "k/.h/page.md",
            "k/token.md -> .git/config",
            "k/.git/config",
            "k/git -> .git",
            "k/env.md -> .env",
            "k/.env",
        ],
        "k",
        &[
            "back.md",
            "env.md: to a hidden file",
            "etc.md: that leads out o",
            "far: that leads out o",
            "git: into a folder th",
            "hop.md: that leads out o",
            "hop2: that leads out o",
            "none.md: to nothing",
            "out.md: that leads out o",
            "token.md: into a folder th",
            "via.md: that leads out o",
        ],
    );
    check_listed(&["k/a.md -> ..data/a.md", "k/..data/a.md"], "k/a.md", &["a.md"]);
}

#[test]
fn links_that_are_written_as_texts_are_followed() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let root = dir.path().join("k");
    for (path, text) in [
        ("k/..1/relay.md", "# Relay\n\nStart it.\n"),
        ("k/..data", "..1"),
        ("k/relay.md", "..data/relay.md"),
        ("k/note.md", "see/also the page"),
        ("k/word.md", "either/or"),
        ("k/out.md", "../secret.md"),
        ("k/closed.md", ".git/config"),
        ("k/.git/config", "x"),
        ("k/loop.md", "./loop.md"),
        ("secret.md", "secret"),
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
    let folder = folder(&root);
    let listing = folder.list().expect("it lists");
    let read =
        |file: &ListedFile| String::from_utf8(folder.read(file).expect("it can be read")).expect("text");
    let found: Vec<(String, String)> =
        listing.files.iter().map(|file| (file.relative.clone(), read(file))).collect();
    let expected = [
        ("closed.md", ".git/config"),
        ("loop.md", "./loop.md"),
        ("note.md", "see/also the page"),
        ("out.md", "../secret.md"),
        ("relay.md", "# Relay\n\nStart it.\n"),
        ("word.md", "either/or"),
    ];
    assert_eq!(found, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
}

#[test]
fn what_a_link_led_to_may_be_replaced() {
    let dir = check_listed(&["k/.w/1/a.md", "k/.w/2/a.md", "k/now -> .w/1"], "k", &["now/a.md"]);
    let folder = folder(&dir.path().join("k"));
    let listing = folder.list().expect("it lists");
    fs::remove_dir_all(dir.path().join("k/.w/1")).expect("it can be removed");
    let read = folder.read(&listing.files[0]);
    assert!(matches!(read, Err(ReadError::Swapped)), "its content is unknown, not gone: {read:?}");
    symlink("2", dir.path().join("k/.w/1")).expect("a link can be made");
    assert!(matches!(folder.read(&listing.files[0]), Err(ReadError::Swapped)), "a folder became a link");
}

#[test]
fn a_file_swapped_for_a_link_is_noticed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (page, secret) = (dir.path().join("page.md"), dir.path().join("secret"));
    fs::write(&page, "text").expect("it can be written");
    fs::write(&secret, "secret").expect("it can be written");
    let folder = folder(dir.path());
    let listing = folder.list().expect("it lists");
    let file = listing.files.iter().find(|file| file.relative == "page.md").expect("it was listed");
    assert_eq!(folder.read(file).expect("it reads"), b"text");
    fs::remove_file(&page).expect("it can be removed");
    assert!(matches!(folder.read(file), Err(ReadError::Gone)));
    symlink(&secret, &page).expect("a link can be made");
    assert!(matches!(folder.read(file), Err(ReadError::Swapped)));
    fs::remove_file(&page).expect("it can be removed");
    fs::rename(&secret, &page).expect("it can be renamed");
    assert!(matches!(folder.read(file), Err(ReadError::Swapped)), "another file under the name");
}
