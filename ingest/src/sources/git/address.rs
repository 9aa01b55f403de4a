//! The address of a repository, and the addresses where people read its files.

use gix::ObjectId;
use net::Url;
use std::path::PathBuf;

/// The address of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A folder on this machine.
    Local(PathBuf),
    /// An `http` or `https` address.
    Remote(Url),
}

/// Reads an address as it was typed, and the user that it names.
pub(super) fn parse(text: &str) -> Result<(Address, Option<String>), String> {
    let text = text.trim();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => remote(text),
        Some("file") => {
            let path = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
            let path = path.ok_or_else(|| "`url` is no address of a folder on this machine".to_owned())?;
            Ok((Address::Local(path), None))
        }
        // `git@host:team/docs` and `ext::program` as well.
        Some(_) => Err(OTHER.to_owned()),
        None if text.is_empty() => Err("`url` is empty".to_owned()),
        None if text.split('/').next().is_some_and(|first| first.contains(':')) => Err(OTHER.to_owned()),
        None => Ok((Address::Local(PathBuf::from(text)), None)),
    }
}

const OTHER: &str = "`url` is neither an `https` address nor a path; `ssh` and others run programs, which ingest does \
                     not: give the `https` address and a `token`, or the path of a clone";

fn remote(text: &str) -> Result<(Address, Option<String>), String> {
    let mut url = Url::parse(text).map_err(|_| "`url` is no address".to_owned())?;
    if url.password().is_some() {
        return Err(
            "`url` holds a password; keep it in a variable or a file, and name that in `token`".to_owned()
        );
    }
    let user = Some(url.username().to_owned()).filter(|user| !user.is_empty());
    let refused = |()| "`url` is no address".to_owned();
    url.set_username("").map_err(refused)?;
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok((Address::Remote(url), user))
}

impl Address {
    /// How reports name it; no address of ours has a password.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Remote(url) => url.to_string(),
        }
    }

    /// Whether a token that is sent there can be read on the way.
    pub(super) fn is_open(&self) -> bool {
        let Self::Remote(url) = self else { return false };
        let host = url.host_str().unwrap_or_default();
        let is_own = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        url.scheme() != "https" && !is_own
    }
}

/// The addresses where people read files: with `{commit}` or `{branch}` and `{path}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Web {
    by_commit: String,
    by_branch: String,
}

impl Web {
    /// As it is configured, else as the host has it, if that is a known one.
    pub(super) fn of(template: Option<&str>, address: &Address) -> Result<Option<Self>, String> {
        if let Some(template) = template {
            let is_url = Url::parse(template).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            return match is_url && template.contains("{path}") {
                true => Ok(Some(Self { by_commit: template.to_owned(), by_branch: template.to_owned() })),
                false => Err("`web_url` is no `https` address with `{path}` in it".to_owned()),
            };
        }
        let Address::Remote(url) = address else { return Ok(None) };
        let base = url.as_str().trim_end_matches(".git");
        let host = url.host_str().unwrap_or_default();
        let is = |name: &str| host.split('.').any(|part| part == name);
        let (by_commit, by_branch) = match () {
            () if is("github") => ("blob/{commit}/{path}", "blob/{branch}/{path}"),
            () if is("gitlab") => ("-/blob/{commit}/{path}", "-/blob/{branch}/{path}"),
            () if is("gitea") || is("forgejo") || is("codeberg") => {
                ("src/commit/{commit}/{path}", "src/branch/{branch}/{path}")
            }
            () if is("bitbucket") => ("src/{commit}/{path}", "src/{branch}/{path}"),
            () => return Ok(None),
        };
        let at = |rest: &str| format!("{base}/{rest}");
        Ok(Some(Self { by_commit: at(by_commit), by_branch: at(by_branch) }))
    }

    /// The address where a person reads a file: as of the commit that changed it last, so that a citation leads to the
    /// text that was read; if that commit is not known, on the branch.
    pub(super) fn url(
        &self,
        path: &str,
        changed: Option<ObjectId>,
        tip: ObjectId,
        branch: Option<&str>,
    ) -> String {
        let (template, commit) = match (changed, branch) {
            (Some(commit), _) => (&self.by_commit, commit.to_string()),
            (None, Some(branch)) => (&self.by_branch, escaped(branch)),
            (None, None) => (&self.by_commit, tip.to_string()),
        };
        let branch = branch.map_or_else(|| commit.clone(), escaped);
        // The path comes last: a `{commit}` in it is its own.
        template.replace("{commit}", &commit).replace("{branch}", &branch).replace("{path}", &escaped(path))
    }
}

/// A path as it stands in an address.
fn escaped(path: &str) -> String {
    let mut url = Url::parse("http://host/").expect("a constant that is a URL");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().extend(path.split('/'));
    }
    // A `#` or `?` of a name is escaped by now.
    url.path().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_others_refused() {
        let local = |path: &str| Ok((Address::Local(PathBuf::from(path)), None));
        assert_eq!(parse("../docs"), local("../docs"));
        assert_eq!(parse("/srv/docs.git"), local("/srv/docs.git"));
        assert_eq!(parse("file:///srv/my%20docs"), local("/srv/my docs"));
        for (text, shown, user) in [
            ("https://h.example/t/docs.git/", "https://h.example/t/docs.git", None),
            ("https://me@h.example/t/docs?x=1#y", "https://h.example/t/docs", Some("me")),
        ] {
            let (address, found) = parse(text).expect("an address");
            assert_eq!((address.shown().as_str(), found.as_deref()), (shown, user), "{text}");
        }
        for text in ["git@h.example:t/docs.git", "ssh://git@h.example/t", "git://h.example/t", "ext::sh -c x"]
        {
            assert_eq!(parse(text), Err(OTHER.to_owned()), "{text}");
        }
        let error = parse("https://me:canary@h.example/t").expect_err("it holds a password");
        assert!(!error.contains("canary"), "{error}");
        assert!(parse("").is_err() && parse("https://").is_err() && parse("file://other/x").is_err());
    }

    #[test]
    fn a_token_needs_a_connection_that_nobody_reads() {
        let is_open = |text: &str| parse(text).expect("an address").0.is_open();
        assert!(is_open("http://h.example/x") && is_open("http://10.0.0.1/x"));
        assert!(!is_open("https://h.example/x") && !is_open("http://127.0.0.1:8080/x") && !is_open("/x"));
    }

    #[test]
    fn files_are_read_where_their_host_shows_them() {
        let commit = ObjectId::from_hex(&[b'a'; 40]).expect("an id");
        let tip = ObjectId::from_hex(&[b'b'; 40]).expect("an id");
        let check = |url: &str, template: Option<&str>, changed: Option<ObjectId>, branch: Option<&str>| {
            let (address, _) = parse(url).expect("an address");
            let web = Web::of(template, &address).expect("a template");
            web.map(|web| web.url("a b/c#d.md", changed, tip, branch).replace(&commit.to_string(), "AA"))
        };
        let of =
            |url: &str| (check(url, None, Some(commit), Some("main")), check(url, None, None, Some("x/y")));
        let both = |one: &str, two: &str| (Some(one.to_owned()), Some(two.to_owned()));
        assert_eq!(
            of("https://github.com/o/r.git"),
            both(
                "https://github.com/o/r/blob/AA/a%20b/c%23d.md",
                "https://github.com/o/r/blob/x/y/a%20b/c%23d.md"
            )
        );
        assert_eq!(
            of("https://gitlab.h.example/g/s/r"),
            both(
                "https://gitlab.h.example/g/s/r/-/blob/AA/a%20b/c%23d.md",
                "https://gitlab.h.example/g/s/r/-/blob/x/y/a%20b/c%23d.md"
            )
        );
        assert_eq!(
            of("https://codeberg.org/o/r"),
            both(
                "https://codeberg.org/o/r/src/commit/AA/a%20b/c%23d.md",
                "https://codeberg.org/o/r/src/branch/x/y/a%20b/c%23d.md"
            )
        );
        assert_eq!(of("https://git.h.example/o/r"), (None, None));
        let template = "https://h.example/docs/{branch}/{path}";
        assert_eq!(
            check("/srv/docs", Some(template), Some(commit), Some("main")).as_deref(),
            Some("https://h.example/docs/main/a%20b/c%23d.md")
        );
        for bad in ["h.example/{path}", "https://h.example/", "file:///{path}"] {
            assert!(Web::of(Some(bad), &Address::Local(PathBuf::new())).is_err(), "{bad}");
        }
    }
}
