//! Names below a folder: which of them may name a source or stand in an id, which are left out, and how reports show
//! them.

use super::PathError;
use kb::text::is_invisible;
use std::{
    io,
    path::{Component, Path},
};

/// Folders that hold other people's code; not descended into. Hidden ones are not either.
const FOREIGN_FOLDERS: [&str; 1] = ["node_modules"];

/// Folders into which no link is followed either, for they hold no documents.
pub(in crate::sources) const CLOSED_FOLDERS: [&str; 5] = [".git", ".hg", ".ssh", ".svn", "node_modules"];

/// Whether a source may be named so.
pub fn check_name(name: &str) -> Result<(), PathError> {
    let is_odd = |c: char| c == '/' || c.is_control() || is_invisible(c);
    match name.is_empty() || name == "." || name == ".." || name.chars().any(is_odd) {
        true => Err(PathError::BadName { name: name.to_owned() }),
        false => Ok(()),
    }
}

/// The name that a folder's path ends in; `.`, `..` and `/` ask the file system.
pub(super) fn last_component(path: &Path) -> io::Result<Option<String>> {
    let named = |path: &Path| match path.components().next_back() {
        Some(Component::Normal(name)) => name.to_str().map(str::to_owned),
        _ => None,
    };
    match named(path) {
        Some(name) => Ok(Some(name)),
        None => Ok(named(&path.canonicalize()?)),
    }
}

/// Why a file or folder of this name is left out by convention, such as for being hidden; `None` if it is not.
pub(in crate::sources) fn left_out(name: &str, is_folder: bool) -> Option<&'static str> {
    if name.starts_with('.') {
        return Some(if is_folder { "hidden folder; not looked into" } else { "hidden file" });
    }
    (is_folder && FOREIGN_FOLDERS.contains(&name)).then_some("folder of dependencies; not looked into")
}

/// The path as it stands in ids.
pub(in crate::sources) fn id_path(relative: &Path) -> Result<String, &'static str> {
    let mut path = String::new();
    for component in relative.components() {
        let Some(name) = component.as_os_str().to_str() else {
            return Err("the name is not UTF-8; rename the file");
        };
        if name.chars().any(char::is_control) {
            return Err("the name holds control characters; rename the file");
        }
        if name.chars().any(is_invisible) {
            return Err("the name holds characters that are not seen; rename the file");
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
    }
    Ok(path)
}

/// The character as reports show it: a replacement character for one that is not seen.
pub(in crate::sources) fn visible(character: char) -> char {
    if character.is_control() || is_invisible(character) { char::REPLACEMENT_CHARACTER } else { character }
}
