//! Repositories that Git itself makes, on this machine and behind a server that runs `git http-backend`.

mod repo;
mod server;

use super::{Settings, open};
use crate::{
    credentials::Reference,
    formats::{Defaults, Document},
    sources::{
        Source, SourceError, SyncState,
        contract::{SourceUnderTest, contract_tests},
    },
};
use async_trait::async_trait;
use repo::{Repo, quiet, text_of};
use server::{Fault, Server};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// The result of a listing and of the reading of all of its items.
#[derive(Default)]
struct Look {
    documents: BTreeMap<String, Document>,
    unchanged: Vec<String>,
    rejected: Vec<String>,
    /// The state that the next listing is given.
    after: SyncState,
}

async fn look(source: &dyn Source, before: &SyncState) -> Result<Look, SourceError> {
    let listing = source.list(before).await?;
    assert!(listing.is_complete && listing.gone.is_empty());
    let mut look = Look { unchanged: listing.unchanged, ..Look::default() };
    look.after.cursor = listing.cursor;
    let mut rejected = listing.rejected;
    for reading in listing.reader.read(&listing.items).await {
        rejected.extend(reading.parsed.rejected);
        for document in reading.parsed.documents {
            look.documents.insert(document.meta.id.clone(), document);
        }
    }
    let told = |rejection: &crate::report::Rejection| {
        let path = rejection.path.split_once(": ").map_or("", |(_, path)| path);
        let kind = if rejection.by_convention { "-" } else { "!" };
        format!("{kind} {path}: {}", rejection.reason)
    };
    look.rejected = rejected.iter().map(told).collect();
    look.rejected.sort();
    Ok(look)
}

/// The ids, dates and addresses of documents; commits are shown as the names that they are given.
fn told(look: &Look, commits: &[(&str, &str)]) -> String {
    let line = |document: &Document| {
        let date = document.meta.updated_at.map(|at| at.strftime("%m-%d").to_string()).unwrap_or_default();
        format!("{} {date} {}\n", document.meta.id, document.meta.url.as_deref().unwrap_or_default())
    };
    let text: String = look.documents.values().map(line).collect();
    commits.iter().fold(text, |text, (id, name)| text.replace(id, name))
}

#[tokio::test]
async fn what_a_commit_has_is_listed_with_dates_and_addresses() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    repo.page("guide/b.md", "first");
    repo.page("guide/deep/c d.md", "first");
    repo.write(
        "guide/deep/named.md",
        "---\nlastmod: 2020-02-02\nurl: https://own.example/\n---\n# N\n\nText of it.\n",
    );
    repo.write("guide/notes.txt", "Some notes.\n");
    repo.write("image.png", "no text");
    let one = repo.commit();
    repo.page("guide/b.md", "second");
    let two = repo.commit();
    let look = look(&*repo.open(repo.here()), &SyncState::default()).await.expect("it can be read");
    insta::assert_snapshot!(told(&look, &[(&one, "ONE"), (&two, "TWO")]), @r"
    docs/a.md 01-01 https://h.example/ONE/a.md
    docs/guide/b.md 01-02 https://h.example/TWO/guide/b.md
    docs/guide/deep/c d.md 01-01 https://h.example/ONE/guide/deep/c%20d.md
    docs/guide/deep/named.md 02-02 https://own.example/
    docs/guide/notes.txt 01-01 https://h.example/ONE/guide/notes.txt
    ");
    insta::assert_snapshot!(look.rejected.join("\n"), @"! image.png: not supported yet: .png");

    // A branch's merge is the change of what it brought.
    repo.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    repo.page("a.md", "side");
    repo.commit();
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "--message", "m", "side"]);
    let merged = repo.git(&["rev-parse", "HEAD"]);
    let settings = Settings { folder: Some("/guide/".to_owned()), ..repo.here() };
    let look = self::look(&*repo.open(settings), &SyncState::default()).await.expect("it can be read");
    insta::assert_snapshot!(told(&look, &[(&one, "ONE"), (&two, "TWO")]), @r"
    docs/b.md 01-02 https://h.example/TWO/guide/b.md
    docs/deep/c d.md 01-01 https://h.example/ONE/guide/deep/c%20d.md
    docs/deep/named.md 02-02 https://own.example/
    docs/notes.txt 01-01 https://h.example/ONE/guide/notes.txt
    ");
    let look = self::look(&*repo.open(repo.here()), &SyncState::default()).await.expect("it can be read");
    let url = look.documents["docs/a.md"].meta.url.clone();
    assert_eq!(url, Some(format!("https://h.example/{merged}/a.md")));
}

/// A ZIP archive of pages.
fn zip_of(pages: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in pages {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("it begins");
        zip.write_all(text.as_bytes()).expect("it is written");
    }
    zip.finish().expect("it ends").into_inner()
}

#[tokio::test]
async fn archives_are_read_as_folders() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    let first = repo.commit();
    let archive = [
        ("b.md", "# B\n\nSee [the deep page](deep/c.md).\n"),
        ("deep/c.md", "# C\n\nText.\n"),
        ("../out.md", "x"),
    ];
    fs::write(repo.path().join("pages.zip"), zip_of(&archive)).expect("there is space");
    fs::write(repo.path().join("broken.tar.gz"), "no archive").expect("there is space");
    let second = repo.commit();
    let source = repo.open(repo.here());
    let whole = look(&*source, &SyncState::default()).await.expect("it can be read");
    insta::assert_snapshot!(told(&whole, &[(&first, "FIRST"), (&second, "SECOND")]), @r"
    docs/a.md 01-01 https://h.example/FIRST/a.md
    docs/pages.zip/b.md 01-02 https://h.example/SECOND/pages.zip
    docs/pages.zip/deep/c.md 01-02 https://h.example/SECOND/pages.zip
    ");
    let links = &whole.documents["docs/pages.zip/b.md"].meta.links;
    assert_eq!(
        links.iter().map(|link| link.target.as_str()).collect::<Vec<_>>(),
        ["docs/pages.zip/deep/c.md"]
    );
    insta::assert_snapshot!(whole.rejected.join("\n"), @r"
    ! broken.tar.gz: damaged: invalid gzip header
    ! pages.zip/../out.md: its path leads out of the archive
    ");

    // Files that have not changed are listed all the same.
    let again = look(&*source, &whole.after).await.expect("it can be read");
    assert_eq!(again.unchanged, ["a.md", "pages.zip/b.md", "pages.zip/deep/c.md"]);
    fs::write(repo.path().join("pages.zip"), zip_of(&archive[1..2])).expect("there is space");
    repo.commit();
    let less = look(&*source, &whole.after).await.expect("it can be read");
    assert_eq!(less.documents.keys().collect::<Vec<_>>(), ["docs/a.md", "docs/pages.zip/deep/c.md"]);
}

#[tokio::test]
async fn commits_that_change_other_folders_give_nothing_to_read() {
    let repo = Repo::new();
    repo.page("guide/a.md", "first");
    repo.page("other/b.md", "first");
    repo.commit();
    let settings = || Settings { folder: Some("guide".to_owned()), ..repo.here() };
    let first = look(&*repo.open(settings()), &SyncState::default()).await.expect("it can be read");
    repo.page("other/b.md", "second");
    repo.commit();
    let second = look(&*repo.open(settings()), &first.after).await.expect("it can be read");
    assert_eq!((second.documents.len(), second.unchanged.as_slice()), (0, &["a.md".to_owned()][..]));
    // A change that is taken back leaves the text, and another date.
    repo.page("guide/a.md", "third");
    repo.commit();
    repo.page("guide/a.md", "first");
    repo.commit();
    let third = look(&*repo.open(settings()), &second.after).await.expect("it can be read");
    assert_ne!(third.documents["docs/a.md"].meta.updated_at, first.documents["docs/a.md"].meta.updated_at);
    assert_eq!(third.documents["docs/a.md"].body, first.documents["docs/a.md"].body);
}

#[tokio::test]
async fn the_rules_of_folders_hold() {
    let repo = Repo::new();
    repo.page("docs/a.md", "first");
    repo.page(".hidden/x.md", "first");
    repo.page("node_modules/y.md", "first");
    repo.page(".shared/s.md", "first");
    repo.page(".shared/more/t.md", "first");
    repo.write("large.md", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
    repo.write("huge.md", &"word ".repeat(2 << 20));
    repo.write("empty.md", "");
    for (link, target) in [
        ("again.md", "docs/a.md"),
        ("docs/shared.md", "../.shared/s.md"),
        ("docs/via.md", "shared.md"),
        ("tree", ".shared/more"),
        ("twice", "docs"),
        ("loop.md", "loop.md"),
        ("out.md", "../../etc/passwd"),
        ("absolute.md", "/etc/passwd"),
        ("gone.md", "docs/none.md"),
        ("hidden.md", ".hidden.md"),
        ("closed.md", "node_modules/y.md"),
        ("up", "docs/.."),
    ] {
        std::os::unix::fs::symlink(target, repo.path().join(link)).expect("the name is free");
    }
    repo.page(".hidden.md", "first");
    repo.git(&["add", "--all"]);
    let other = repo.commit();
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{other},theme")]);
    repo.git(&["commit", "--quiet", "--message", "m"]);
    let look = look(&*repo.open(repo.here()), &SyncState::default()).await.expect("it can be read");
    let ids: Vec<&str> = look.documents.keys().map(String::as_str).collect();
    insta::assert_snapshot!(ids.join("\n"), @r"
    docs/docs/a.md
    docs/docs/shared.md
    docs/tree/t.md
    ");
    insta::assert_snapshot!(look.rejected.join("\n"), @r"
    ! absolute.md: a symbolic link that leads out of the folder; it is not followed
    ! closed.md: a symbolic link into a folder that holds no documents; it is not followed
    ! empty.md: no text
    ! gone.md: a symbolic link to nothing
    ! hidden.md: a symbolic link to a hidden file; it is not followed
    ! huge.md: 10485760 bytes; at most 8388608 are read
    ! large.md: its content is in Git's large file storage, which is not read
    ! loop.md: a symbolic link that leads too far
    ! out.md: a symbolic link that leads out of the folder; it is not followed
    - .hidden.md: hidden file
    - .hidden: hidden folder; not looked into
    - .shared: hidden folder; not looked into
    - again.md: a file that is read under another name
    - docs/via.md: a file that is read under another name
    - node_modules: folder of dependencies; not looked into
    - theme: a submodule; make its repository a source to have its files
    - twice: a symbolic link to a folder that is read under another name
    - up: a symbolic link to a folder that is read under another name
    ");
}

#[tokio::test]
async fn branches_tags_and_commits_are_read() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    let one = repo.commit();
    repo.git(&["tag", "--annotate", "v1", "--message", "m"]);
    repo.git(&["branch", "team/side"]);
    repo.page("a.md", "between");
    let between = repo.commit();
    repo.page("a.md", "second");
    repo.commit();
    let server = Server::start(repo.root.path());
    for url in
        [repo.path().display().to_string(), format!("file://{}", repo.path().display()), server.url.clone()]
    {
        let base = repo.settings(&url);
        for (settings, word) in [
            (base.clone(), "second"),
            (Settings { branch: Some("main".to_owned()), ..base.clone() }, "second"),
            (Settings { branch: Some("team/side".to_owned()), ..base.clone() }, "first"),
            (Settings { tag: Some("v1".to_owned()), ..base.clone() }, "first"),
            (Settings { commit: Some(one.clone()), ..base.clone() }, "first"),
            (Settings { commit: Some(between.clone()), ..base.clone() }, "between"),
        ] {
            let shown = format!("{settings:?}");
            let look = look(&*repo.open(settings), &SyncState::default()).await.expect(&shown);
            assert!(look.documents["docs/a.md"].body.as_str().contains(word), "{shown}");
        }
        for (settings, absent) in [
            (Settings { branch: Some("none".to_owned()), ..base.clone() }, "no branch `none`"),
            (Settings { tag: Some("none".to_owned()), ..base.clone() }, "no tag `none`"),
            (Settings { folder: Some("none".to_owned()), ..base.clone() }, "no folder `none`"),
        ] {
            let error = look(&*repo.open(settings), &SyncState::default()).await.err().expect("it is absent");
            assert!(error.to_string().contains(absent), "{error}");
        }
    }
    let refused = |settings: Settings| {
        open("docs".to_owned(), settings, Defaults::default(), &repo.cache()).err().expect("it is refused")
    };
    let one = || Some("x".to_owned());
    let token = || Some(Reference::Env("RELAY_TOKEN".to_owned()));
    for (settings, reason) in [
        (Settings { branch: one(), tag: one(), ..repo.here() }, "one of"),
        (Settings { branch: Some("a b".to_owned()), ..repo.here() }, "no branch"),
        (Settings { branch: Some("a:refs/heads/b".to_owned()), ..repo.here() }, "no branch"),
        (Settings { commit: one(), ..repo.here() }, "full id"),
        (Settings { folder: Some("../x".to_owned()), ..repo.here() }, "out of"),
        (Settings { token: token(), ..repo.settings("http://h.example/x") }, "https"),
        (repo.settings("git@h.example:x/y"), "run programs"),
    ] {
        let error = refused(settings).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

/// Objects that no Git would make of a work tree.
#[tokio::test]
async fn hostile_trees_are_bounded_and_forge_nothing() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    let blob = repo.git(&["hash-object", "-w", "a.md"]);
    let tree = |entries: &[String]| {
        let mut made = quiet(Command::new("git"))
            .args(["mktree", "-z"])
            .current_dir(repo.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git runs");
        let input: String = entries.iter().map(|entry| format!("{entry}\0")).collect();
        made.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        text_of(made.wait_with_output().expect("it ends"), &["mktree"])
    };
    let of_tree = |tree: &str| {
        let commit = repo.git(&["commit-tree", "-m", "m", tree]);
        Settings { commit: Some(commit), ..repo.here() }
    };
    let file = |name: &str| format!("100644 blob {blob}\t{name}");
    let folder = |name: &str, tree: &str| format!("040000 tree {tree}\t{name}");

    let leaf = tree(&[file("z.md")]);
    let deep = (0..100).fold(leaf.clone(), |below, _| tree(&[folder("d", &below)]));
    let odd = tree(&[
        file("a.md"),
        file("a.md"),
        file("b\n! forged.md"),
        file("c\u{202e}dm.md"),
        file(".."),
        file("AKIAQ7RLMXVTN2ZPWK4D.md"),
        folder("..", &leaf),
        folder(".git", &leaf),
        folder("deep", &deep),
    ]);
    let look = look(&*repo.open(of_tree(&odd)), &SyncState::default()).await.expect("it can be read");
    let ids: Vec<&str> = look.documents.keys().map(String::as_str).collect();
    assert_eq!(ids, ["docs/a.md"]);
    let rejected = look.rejected.join("\n").replace("/d/d/d/d/d/d/d/d/d", "");
    insta::assert_snapshot!(rejected, @r"
    ! [redacted:aws-access-key].md: its name holds a secret (aws-access-key); rename it
    ! b�! forged.md: the name holds control characters; rename the file
    ! c�dm.md: the name holds characters that are not seen; rename the file
    ! deep: more than 64 folders deep
    - ..: hidden file
    - ..: hidden folder; not looked into
    - .git: hidden folder; not looked into
    - a.md: a file that is read under another name
    ");

    // Ten folders in each of ten folders, and so on: small to store, and endless to walk.
    let bomb = (0..9).fold(leaf, |below, _| {
        tree(&(0..10).map(|number| folder(&number.to_string(), &below)).collect::<Vec<_>>())
    });
    let error =
        self::look(&*repo.open(of_tree(&bomb)), &SyncState::default()).await.err().expect("it is refused");
    assert!(error.to_string().contains("more than 100000 folders"), "{error}");

    let nowhere = repo.settings(&repo.root.path().display().to_string());
    let error = self::look(&*repo.open(nowhere), &SyncState::default()).await.err().expect("it is none");
    assert!(error.to_string().contains("cannot be opened"), "{error}");
}

/// Follows a repository with one cache, and compares each step with a clean clone.
struct Follower<'r> {
    repo: &'r Repo,
    settings: Settings,
    last: Look,
    num_clean: usize,
}

impl Follower<'_> {
    async fn step(&mut self) -> Result<&Look, SourceError> {
        let source = self.repo.open(self.settings.clone());
        let look = look(&*source, &self.last.after).await?;
        drop(source);
        self.num_clean += 1;
        let cache = self.repo.root.path().join(format!("clean{}", self.num_clean));
        let clean = open("docs".to_owned(), self.settings.clone(), Defaults::default(), &cache)?;
        let clean = self::look(&*clean, &SyncState::default()).await?;
        if look.unchanged.is_empty() {
            assert_eq!(look.documents, clean.documents);
        }
        self.last = look;
        Ok(&self.last)
    }
}

#[tokio::test]
async fn every_step_equals_a_clean_clone() {
    let repo = Repo::new();
    for name in ["a.md", "b.md", "c.md"] {
        repo.page(name, "first");
    }
    repo.commit();
    let server = Server::start(repo.root.path());
    for depth in [None, Some(2)] {
        let settings =
            Settings { depth: depth.and_then(std::num::NonZeroU32::new), ..repo.settings(&server.url) };
        let mut follower = Follower {
            repo: &repo,
            settings,
            last: Look::default(),
            num_clean: 10 * depth.unwrap_or(0) as usize,
        };
        follower.step().await.expect("it can be read");
        let before = server.num_posts();
        let same = follower.step().await.expect("it can be read");
        assert!(same.documents.is_empty() && same.unchanged.len() >= 3, "{:?}", same.unchanged);
        // Of the cache one request for what there is; the others are those of the clean clone.
        assert!(server.num_posts() - before <= 3, "{:?}", server.requests);

        repo.page("b.md", "second");
        repo.page("new.md", "first");
        repo.commit();
        follower.step().await.expect("it can be read");
        for _ in 0..3 {
            repo.page("a.md", "third");
            repo.commit();
        }
        follower.step().await.expect("it can be read");

        repo.git(&["mv", "c.md", "renamed.md"]);
        repo.git(&["rm", "--quiet", "new.md"]);
        repo.commit();
        let look = follower.step().await.expect("it can be read");
        assert!(look.documents.contains_key("docs/renamed.md") && !look.documents.contains_key("docs/c.md"));

        // Another history takes the branch's place.
        repo.git(&["reset", "--quiet", "--hard", "HEAD~4"]);
        repo.page("forced.md", "forced");
        repo.commit();
        let look = follower.step().await.expect("it can be read");
        assert!(look.documents.contains_key("docs/forced.md") && look.documents.contains_key("docs/c.md"));

        repo.git(&["branch", "--move", "main", "trunk"]);
        follower.settings.branch = Some("main".to_owned());
        follower.last = Look::default();
        let error = follower.step().await.err().expect("the branch is gone");
        assert!(error.to_string().contains("no branch `main`"), "{error}");
        repo.git(&["branch", "--move", "trunk", "main"]);
        follower.step().await.expect("it is there again");
    }
}

#[tokio::test]
async fn credentials_are_sent_and_their_place_is_named_when_they_are_refused() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    repo.commit();
    let server = Server::start(repo.root.path());
    // `me:canary` in base64.
    *server.wanted.lock().expect("no panic") = Some("Basic bWU6Y2FuYXJ5".to_owned());
    let file = repo.root.path().join("token");
    let token = Some(Reference::File(file.clone()));
    let settings = Settings { token, user: Some("me".to_owned()), ..repo.settings(&server.url) };
    let error = async |settings: &Settings| {
        look(&*repo.open(settings.clone()), &SyncState::default())
            .await
            .err()
            .expect("it is refused")
            .to_string()
    };
    let told = error(&settings).await;
    assert!(told.contains("cannot be read") && told.contains("token`"), "{told}");
    fs::write(&file, "canary\n").expect("it can be written");
    look(&*repo.open(settings.clone()), &SyncState::default()).await.expect("it can be read");
    fs::write(&file, "canary2\n").expect("it can be written");
    let told = error(&settings).await;
    assert!(told.contains("was refused; check the file") && !told.contains("canary"), "{told}");
    let told = error(&Settings { token: None, ..settings.clone() }).await;
    assert!(told.contains("say where a `token` is"), "{told}");
    *server.wanted.lock().expect("no panic") = None;
    server.set(Fault::Status(404));
    let told = error(&settings).await;
    assert!(told.contains("no such repository") && told.contains("check the file"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_is_cut_changes_nothing_and_the_next_one_succeeds() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    repo.write("large.txt", &(0..40_000).map(|number| format!("{number} ")).collect::<String>());
    repo.commit();
    let server = Server::start(repo.root.path());
    let settings = || repo.settings(&server.url);
    for length in [0, 10, 200, 5_000, 50_000] {
        server.set(Fault::Cut(length));
        let error = look(&*repo.open(settings()), &SyncState::default()).await.err().expect("it is cut");
        assert!(matches!(error, SourceError::Failed { .. }), "{error}");
    }
    server.set(Fault::Stall);
    let started = Instant::now();
    let source = repo.open(settings());
    let listed = tokio::time::timeout(Duration::from_millis(400), source.list(&SyncState::default())).await;
    assert!(listed.is_err() && started.elapsed() < Duration::from_secs(2));
    drop(source);
    server.set(Fault::None);
    // The thread that was given up ends by itself, and gives the cache back.
    let found = loop {
        match look(&*repo.open(settings()), &SyncState::default()).await {
            Ok(found) => break found,
            Err(error) => assert!(error.to_string().contains("locked"), "{error}"),
        }
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(found.documents.len(), 2);
    let left = fs::read_dir(repository(&repo).join("objects/pack")).expect("it is there").count();
    assert_eq!(left, 2, "a pack and its index");
}

/// The one repository of the cache.
fn repository(repo: &Repo) -> PathBuf {
    let mut entries = fs::read_dir(repo.cache()).expect("it is there").flatten().map(|entry| entry.path());
    entries.find(|path| path.extension().is_some_and(|extension| extension == "git")).expect("a repository")
}

#[tokio::test]
async fn whatever_is_wrong_with_the_cache_is_mended() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    repo.page("b.md", "first");
    repo.commit();
    let server = Server::start(repo.root.path());
    let settings = || repo.settings(&server.url);
    let whole = look(&*repo.open(settings()), &SyncState::default()).await.expect("it can be read").documents;
    let packs = |cache: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(cache.join("objects/pack")).expect("it is there");
        entries.flatten().map(|entry| entry.path()).collect()
    };
    type Damage<'d> = &'d dyn Fn(&Path);
    let damages: [(&str, Damage<'_>); 8] = [
        ("gone", &|cache| fs::remove_dir_all(cache).expect("it is there")),
        ("empty", &|cache| {
            fs::remove_dir_all(cache).expect("it is there");
            fs::create_dir(cache).expect("the name is free");
        }),
        ("no head", &|cache| fs::remove_file(cache.join("HEAD")).expect("it is there")),
        ("no objects", &|cache| {
            packs(cache).iter().for_each(|path| fs::remove_file(path).expect("it is there"))
        }),
        ("empty packs", &|cache| {
            packs(cache)
                .iter()
                .for_each(|path| drop(fs::remove_file(path).and_then(|()| fs::write(path, ""))))
        }),
        ("a reference to nothing", &|cache| {
            fs::write(cache.join("refs/runbookd/fetched"), "a".repeat(40)).expect("it can be written");
        }),
        ("locks", &|cache| {
            for name in ["refs/runbookd/fetched.lock", "packed-refs.lock", "objects/pack/.tmp1"] {
                fs::write(cache.join(name), "").expect("it can be written");
            }
        }),
        ("noted", &|cache| fs::write(cache.join("broken"), "").expect("it can be written")),
    ];
    for (name, damage) in damages {
        damage(&repository(&repo));
        let mended = look(&*repo.open(settings()), &SyncState::default()).await;
        let mended = mended.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(mended.documents, whole, "{name}");
    }
    // One process at a time.
    let first = repo.open(settings());
    let listing = first.list(&SyncState::default()).await.expect("it can be read");
    look(&*first, &SyncState::default()).await.expect("it is the same process");
    let error = look(&*repo.open(settings()), &SyncState::default()).await.err().expect("it is locked");
    assert!(error.to_string().contains("locked"), "{error}");
    drop(listing);
    look(&*repo.open(settings()), &SyncState::default()).await.expect("nobody uses it any more");
}

#[tokio::test]
async fn a_repository_that_moved_within_its_host_is_followed() {
    let repo = Repo::new();
    repo.page("a.md", "first");
    repo.commit();
    let server = Server::start(repo.root.path());
    let url = server.url.replace("/docs/", "/moved/");
    let found = look(&*repo.open(repo.settings(&url)), &SyncState::default()).await.expect("it can be read");
    assert_eq!(found.documents.len(), 1);
}

/// A repository, as the contract changes it: where it is, or behind a server.
struct Contract {
    repo: Repo,
    server: Option<Server>,
    /// An object that was taken away, with its place.
    taken: Mutex<Option<(PathBuf, PathBuf)>>,
}

impl Contract {
    fn new(is_served: bool) -> Self {
        let repo = Repo::new();
        let server = is_served.then(|| Server::start(repo.root.path()));
        Self { repo, server, taken: Mutex::default() }
    }
}

#[async_trait]
impl SourceUnderTest for Contract {
    fn open(&self) -> Arc<dyn Source> {
        let settings =
            self.server.as_ref().map_or_else(|| self.repo.here(), |server| self.repo.settings(&server.url));
        Arc::from(self.repo.open(settings))
    }

    async fn put(&self, name: &str, word: &str) {
        self.repo.page(&format!("{name}.md"), word);
        self.repo.commit();
    }

    async fn remove(&self, name: &str) {
        self.repo.git(&["rm", "--quiet", &format!("{name}.md")]);
        self.repo.commit();
    }

    async fn fail_item(&self, name: Option<&str>) -> bool {
        let mut taken = self.taken.lock().expect("no panic");
        if let Some((place, aside)) = taken.take() {
            fs::rename(aside, place).expect("it is there");
        }
        if let (Some(name), None) = (name, &self.server) {
            let id = self.repo.git(&["rev-parse", &format!("HEAD:{name}.md")]);
            let place = self.repo.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
            let aside = self.repo.root.path().join("aside");
            fs::rename(&place, &aside).expect("it is there");
            *taken = Some((place, aside));
        }
        self.server.is_none()
    }

    async fn cut_listing(&self, is_cut: bool) -> bool {
        let Some(server) = &self.server else { return false };
        server.set(if is_cut { Fault::Cut(20) } else { Fault::None });
        true
    }
}

mod here {
    use super::*;
    contract_tests!(Contract::new(false));
}

mod served {
    use super::*;
    contract_tests!(Contract::new(true));
}
