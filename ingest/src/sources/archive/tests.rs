use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use zip::{ZipWriter, write::SimpleFileOptions};

/// A ZIP archive of files; a name that ends in `@` is a link to the content.
fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        match name.strip_suffix('@') {
            Some(name) => {
                let target = String::from_utf8_lossy(content);
                zip.add_symlink(name, &*target, SimpleFileOptions::default()).expect("it is written");
            }
            None => {
                zip.start_file(*name, SimpleFileOptions::default()).expect("it begins");
                zip.write_all(content).expect("it is written");
            }
        }
    }
    zip.finish().expect("it ends").into_inner()
}

/// A tar file of entries, each of a sort.
fn tar_of(files: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, sort, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*sort);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // As it is, which the crate would refuse.
        let field = &mut header.as_old_mut().name;
        field[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        if sort.is_symlink() {
            header.set_link_name("a.md").expect("it fits");
        }
        header.set_cksum();
        tar.append(&header, *content).expect("it is written");
    }
    tar.into_inner().expect("it ends")
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("it is written");
    gzip.finish().expect("it ends")
}

fn open(name: &str, bytes: Vec<u8>) -> Result<(Archive, Contents), String> {
    Archive::open(name, Box::new(Cursor::new(bytes)))
}

/// Checks the files of an archive with their content, and its refusals.
#[track_caller]
fn check(name: &str, bytes: Vec<u8>, expected: &str) {
    let said = match open(name, bytes) {
        Err(reason) => format!("refused: {reason}\n"),
        Ok((archive, contents)) => {
            let files = contents.files.iter().map(|(path, size)| match archive.read(path) {
                Ok(bytes) => format!("{path} ({size}): {}\n", String::from_utf8_lossy(&bytes)),
                Err(error) => format!("{path} ({size}) is not read: {error}\n"),
            });
            let rejected =
                contents.rejected.iter().map(|(path, reason)| format!("{path} is refused: {reason}\n"));
            let left_out =
                contents.left_out.iter().map(|(path, reason)| format!("{path} is left out: {reason}\n"));
            files.chain(rejected).chain(left_out).collect()
        }
    };
    assert_eq!(said, expected, "{name}");
}

#[test]
fn files_are_listed_and_read() {
    let files: [(&str, &[u8]); 4] =
        [("b/c.md", b"# C"), ("a.md", b"# A"), ("__MACOSX/a.md", b"x"), ("win\\d.md", b"# D")];
    let expected = "a.md (3): # A\nb/c.md (3): # C\nwin/d.md (3): # D\n\
                    __MACOSX/a.md is left out: in a hidden folder or one of dependencies; not looked into\n";
    check("x.ZIP", zip_of(&files), expected);
    let regular = tar::EntryType::Regular;
    let tar = tar_of(&files.map(|(name, content)| (name, regular, content)));
    check("x.tar", tar.clone(), expected);
    check("x.tar.gz", gzipped(&tar), expected);
    check("x.tgz", gzipped(&tar), expected);
}

#[test]
fn long_names_are_read() {
    let name = format!("{}/page.md", ["folder"; 30].join("/"));
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_cksum();
    tar.append_data(&mut header, &name, &b"x"[..]).expect("it is written");
    let tar = tar.into_inner().expect("it ends");
    check("x.tar", tar, &format!("{name} (1): x\n"));
    assert_eq!(pax_path(b"30 mtime=1700000000.123\n20 path=a/\xc3\xa4.md\n"), Ok(Some("a/ä.md".into())));
    assert!(pax_path(b"20 size=99999999999\n").is_err());
}

#[test]
fn what_leads_out_of_an_archive_is_refused() {
    use tar::EntryType;
    let tar = tar_of(&[
        ("../a.md", EntryType::Regular, b"x"),
        ("/etc/a.md", EntryType::Regular, b"x"),
        ("C:\\a.md", EntryType::Regular, b"x"),
        ("b/../../a.md", EntryType::Regular, b"x"),
        ("link.md", EntryType::Symlink, b""),
        ("device", EntryType::Block, b""),
        ("pipe", EntryType::Fifo, b""),
        ("inner.zip", EntryType::Regular, b"x"),
        ("ok.md", EntryType::Regular, b"x"),
        ("ok.md", EntryType::Regular, b"y"),
    ]);
    check(
        "x.tar",
        tar,
        "ok.md (1): x\n\
         ../a.md is refused: its path leads out of the archive\n\
         /etc/a.md is refused: its path begins at the root; paths of archives must not leave it\n\
         C:\\a.md is refused: its path begins at the root; paths of archives must not leave it\n\
         b/../../a.md is refused: its path leads out of the archive\n\
         device is refused: no regular file\n\
         inner.zip is refused: an archive within an archive; unpack it\n\
         link.md is refused: a link; links of archives are not followed\n\
         ok.md is refused: a second entry of this name\n\
         pipe is refused: no regular file\n",
    );
    check(
        "x.zip",
        zip_of(&[("../a.md", b"x"), ("l.md@", b"/etc/passwd"), ("ok.md", b"x"), ("e\u{202e}.md", b"x")]),
        "ok.md (1): x\n\
         ../a.md is refused: its path leads out of the archive\n\
         e\u{fffd}.md is refused: the name holds characters that are not seen\n\
         l.md is refused: a link; links of archives are not followed\n",
    );
}

#[test]
fn archives_stand_in_archives_once() {
    let innermost = zip_of(&[("c.md", b"C")]);
    let inner = zip_of(&[("b.md", b"B"), ("deep.zip", &innermost)]);
    let outer = zip_of(&[("a.md", b"A"), ("part-1.zip", &inner), ("part-2.tar", b"x")]);
    check(
        "x.zip",
        outer,
        "a.md (1): A\n\
         part-1.zip/b.md (1): B\n\
         part-1.zip/deep.zip is refused: an archive within an archive; unpack it\n\
         part-2.tar is refused: an archive within an archive; unpack it\n",
    );
}

#[test]
fn bombs_are_refused_at_once() {
    let zeros = vec![0; 8 << 20];
    let files: Vec<(String, &[u8])> =
        (0..12).map(|number| (format!("{number}.md"), zeros.as_slice())).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let bomb = zip_of(&files);
    let tar = tar_of(
        &files.iter().map(|(name, content)| (*name, tar::EntryType::Regular, *content)).collect::<Vec<_>>(),
    );
    let many: Vec<(String, &[u8])> = (0..=MAX_ENTRIES).map(|number| (number.to_string(), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    for (name, bytes, part) in [
        ("x.zip", bomb, "more than 100 times its size"),
        ("x.tgz", gzipped(&tar), "more than 100 times its size"),
        ("x.zip", zip_of(&many), "more than 20000 entries"),
        ("x.zip", b"PK\x03\x04 and no more".to_vec(), "damaged"),
        ("x.tgz", b"no gzip".to_vec(), "damaged"),
        ("x.tar", vec![b'x'; 2048], "damaged"),
    ] {
        let started = std::time::Instant::now();
        let reason = open(name, bytes).err().expect("it is refused");
        assert!(reason.contains(part), "{name}: {reason}");
        assert!(started.elapsed().as_secs_f32() < 5.0, "{name}: {reason}");
    }
}

#[test]
fn sizes_are_not_believed() {
    // Entries that say to be short, in the directory and before the file.
    let mut zip = zip_of(&[("a.md", &[b'x'; 1000])]);
    for at in 0..zip.len() - 4 {
        if zip[at..at + 4] == 1000u32.to_le_bytes() {
            zip[at..at + 4].copy_from_slice(&5u32.to_le_bytes());
        }
    }
    let (archive, contents) = open("x.zip", zip).expect("it opens");
    assert_eq!(contents.files, [("a.md".to_owned(), 5)]);
    assert!(matches!(archive.read("a.md"), Err(ReadError::Refused(_))));
}

/// An archive with changed bytes or a missing end is opened and read, or refused, without a panic.
#[test]
fn damaged_archives_end_well() {
    let files: [(&str, &[u8]); 2] =
        [("a.md", b"# A\n\nSome text that is packed.\n"), ("b/c.md", &[b'y'; 3000])];
    let tar = tar_of(&files.map(|(name, content)| (name, tar::EntryType::Regular, content)));
    let originals = [("x.zip", zip_of(&files)), ("x.tar", tar.clone()), ("x.tgz", gzipped(&tar))];
    let mut random = 1u64;
    let mut pick = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for (name, original) in &originals {
        for _ in 0..300 {
            let mut bytes = original.clone();
            for _ in 0..=pick(8) {
                let at = pick(bytes.len());
                bytes[at] = pick(256) as u8;
            }
            if pick(4) == 0 {
                bytes.truncate(pick(bytes.len()));
            }
            if let Ok((archive, contents)) = open(name, bytes) {
                for (path, _) in &contents.files {
                    let _ = archive.read(path);
                }
            }
        }
    }
}
