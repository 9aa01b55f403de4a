//! Which files below a folder are read, and that each of the others is in the report.

use crate::world::World;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

#[test]
fn every_file_is_accounted_for() {
    let world = World::new();
    world.write("good.md", "Good.\n");
    world.write("empty.md", "");
    world.write("only-title.md", "---\ntitle: A\n---\n");
    world.write("page.docx", "= Title\n");
    world.write("Makefile", "all:\n");
    world.write("photo.md", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    world.write("cut.md", &"節點狀態".as_bytes()[..11]);
    world.write("access.md", "---\naccess: [sre\n---\nSecret.\n");
    world.write("rules.md", "---\napplies_to: {nam: x}\n---\nText.\n");
    world.write(".hidden.md", "Hidden.\n");
    world.write(".git/config", "x");
    world.write("node_modules/x/readme.md", "x");
    world.write("qa/good.csv", "question,answer\nWhy?,Because.\nHow?\n");
    world.write("qa/other.csv", "name,age\na,1\n");
    let sparse = fs::File::create(world.docs().join("sparse.md")).expect("it can be made");
    sparse.set_len(20 << 30).expect("it can be sparse");
    let started = Instant::now();
    let run = world.ingest(&["docs"]).exits(0);
    assert!(started.elapsed() < Duration::from_secs(5), "the sparse file was not read");
    insta::assert_snapshot!(run.rejected(Path::new("docs")).join("\n"), @r"
    .git: hidden folder; not looked into
    .hidden.md: hidden file
    Makefile: not supported yet: a file without an extension
    access.md: front matter key `access`: line 2 cannot be read; front matter is not valid YAML: did not find expected ',' or ']' at line 3 column 1, while parsing a flow sequence at line 2 column 9
    cut.md: not valid UTF-8 at byte 9, and not wholly in another encoding; save the file as UTF-8
    empty.md: no text
    node_modules: folder of dependencies; not looked into
    only-title.md: no text
    page.docx: no Word document: it is no package of an office program
    photo.md: binary, not text: a picture under another name
    qa/good.csv#2: the row has 1 fields, the header 2
    qa/other.csv: not a question/answer CSV: unknown column `name`; use question, answer, title, source
    rules.md: front matter key `applies_to.nam`: unknown; use alert, kind, reason, namespace or name
    sparse.md: 21474836480 bytes; at most 8388608 are read
    ");
    assert_eq!(world.chunk_ids(), "docs/good.md#0 docs/qa/good.csv#1#0");
    world.ingest(&["--strict", "docs"]).exits(5);
    assert_eq!(world.chunks().len(), 2, "--strict commits all the same");

    let clean = World::new();
    clean.write("good.md", "Good.\n");
    clean.write(".git/config", "x");
    clean.ingest(&["--strict", "docs"]).exits(0);
}

#[cfg(unix)]
#[test]
fn only_regular_files_below_the_root_are_read() {
    use std::os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener};
    let world = World::new();
    world.write("good.md", "Good.\n");
    world.write_beside("outside/secret.md", "Secret.\n");
    let outside = world.dir.path().join("outside");
    symlink(outside.join("secret.md"), world.docs().join("link.md")).expect("it can be linked");
    symlink(&outside, world.docs().join("folder")).expect("it can be linked");
    symlink(".", world.docs().join("loop")).expect("it can be linked");
    symlink("nowhere", world.docs().join("dangling.md")).expect("it can be linked");
    let pipe = world.docs().join("pipe.md");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it starts").success());
    let _socket = UnixListener::bind(world.docs().join("socket.md")).expect("it can be bound");
    fs::write(world.docs().join(std::ffi::OsStr::from_bytes(b"latin-\xe9.md")), "x")
        .expect("it can be written");
    fs::write(world.docs().join("line\nbreak.md"), "x").expect("it can be written");
    let mut deep = world.docs();
    for _ in 0..70 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).expect("it can be made");

    let run = world.ingest(&["docs"]).exits(0);
    let rejected: Vec<String> =
        run.rejected(Path::new("docs")).into_iter().map(|line| line.replace("d/", "")).collect();
    insta::assert_snapshot!(rejected.join("\n"), @r"
    d: more than 64 folders deep
    dangling.md: a symbolic link to nothing
    folder: a symbolic link that leads out of the folder; it is not followed
    latin-�.md: the name is not UTF-8; rename the file
    line�break.md: the name holds control characters; rename the file
    link.md: a symbolic link that leads out of the folder; it is not followed
    loop: a symbolic link to a folder that is read under another name
    pipe.md: a named pipe, not a file
    socket.md: a socket, not a file
    ");
    assert_eq!(world.texts(), ["Good."]);
    let link = world.ingest(&["docs/link.md"]).exits(0);
    let refused = "link.md: a symbolic link that leads out of the folder; it is not followed";
    assert_eq!(link.rejected(Path::new("docs")), [refused]);
}

/// A ConfigMap as it is mounted, changed as the kubelet changes it: the link `..data` is put in place anew.
#[cfg(unix)]
#[test]
fn a_mounted_volume_is_read_and_followed() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    world.write("..2026_11_27/relay.md", "# Relay\n\nFirst.\n");
    symlink("..2026_11_27", world.docs().join("..data")).expect("it can be linked");
    symlink("..data/relay.md", world.docs().join("relay.md")).expect("it can be linked");
    let run = world.ingest(&["--strict", "docs"]).exits(0);
    assert_eq!((run.documents().as_str(), world.chunk_ids().as_str()), ("1 1 0 0 0", "docs/relay.md#0"));
    assert_eq!(run.json().get("note"), None);
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "1 0 0 1 0");

    world.write("..2026_11_28/relay.md", "# Relay\n\nSecond.\n");
    world.remove("..data");
    symlink("..2026_11_28", world.docs().join("..data")).expect("it can be linked");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "1 0 1 0 0");
    assert_eq!(world.texts(), ["Second."]);
    assert_eq!(world.ingest(&["docs/relay.md"]).exits(0).documents(), "1 0 0 1 0");
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_for_now_stays() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    world.write("sub/b.md", "Beta.\n");
    world.ingest(&["docs"]).exits(0);
    let set_mode = |path: &str, mode| {
        fs::set_permissions(world.docs().join(path), fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    set_mode("sub", 0o000);
    set_mode("a.md", 0o000);
    if fs::read_dir(world.docs().join("sub")).is_ok() {
        eprintln!("SKIPPED: this user may read everything");
        return set_mode("sub", 0o755);
    }
    let run = world.ingest(&["docs"]).exits(0);
    assert_eq!(run.rejected(Path::new("docs")).len(), 2, "{}", run.stdout);
    assert_eq!(run.documents(), "0 0 0 0 0");
    assert_eq!(world.chunks().len(), 2);
    set_mode("sub", 0o755);
}

#[test]
fn other_encodings_come_out_right() {
    let world = World::new();
    let chinese = "节点未就绪时，先检查网络与磁盘，然后重新启动服务。集群中的工作负载会被调度到其他节点。";
    world.write("gb.md", encoding_rs::GB18030.encode(chinese).0);
    let russian =
        "Если узел не готов, сначала проверьте сеть и диск, затем перезапустите службу на этом узле.";
    world.write("koi.txt", encoding_rs::KOI8_R.encode(russian).0);
    let utf16: Vec<u8> = "\u{feff}Node ready.\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    world.write("utf16.txt", utf16);
    let run = world.ingest(&["docs"]).exits(0);
    assert_eq!(world.texts(), [chinese, russian, "Node ready."]);
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("read as gb18030") && warnings.contains("read as KOI8-U"), "{warnings}");
}

/// Real documentation, where it is at hand: every file is a document or in the report.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the data is found is no part of the product's configuration"
)]
fn real_folders_are_accounted_for() {
    let Some(data) = std::env::var_os("RUNBOOKD_TEST_DATA") else {
        return println!("SKIPPED: RUNBOOKD_TEST_DATA is not set");
    };
    let corpora = Path::new(&data).join("corpora");
    let world = World::new();
    for folder in fs::read_dir(&corpora).expect("it lists").flatten() {
        let folder = folder.path();
        let run = world.ingest(&["--dry-run", folder.to_str().expect("UTF-8")]).exits(0);
        let files: Vec<PathBuf> = walkdir::WalkDir::new(&folder)
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.into_path())
            .collect();
        let rejected = run.json()["rejected"].as_array().expect("a list").len();
        let seen = run.json()["documents"]["seen"].as_u64().expect("a number");
        assert_eq!(seen as usize + rejected, files.len(), "{}", folder.display());
        let reasons = run.rejected(&folder);
        let expected = |line: &String| line.ends_with(": no text") || line.contains(": not supported yet: ");
        assert!(reasons.iter().all(expected), "{reasons:#?}");
    }
}
