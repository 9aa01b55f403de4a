//! Documents that say nearly the same, and titles that two pages have.
//!
//! A text is the set of its runs of five words. Of each set the least hash in each of 128 parts of the hash's range is
//! kept (one permutation hashing, Li, Owen and Zhang, NIPS 2012), so that the share of equal places estimates the share
//! of runs that two texts have in common, give or take 0.04. Texts that agree in one of 21 bands of six places are
//! compared: with the first few of the band, so that a thousand copies cost no more than a thousand comparisons.
//!
//! Pages that are written to one pattern, such as the commands of a program, have that in common with all others: runs
//! that several documents have do not count, unless two texts are the same word for word.

use super::page::{Page, shown, shown_path};
use crate::findings::{Check, Finding};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Words of a run.
const RUN: usize = 5;
/// Parts of the hash's range; a power of two.
const PLACES: usize = 128;
/// Places of a band.
const BAND: usize = 6;
/// Documents of a band that others are compared with.
const MAX_COMPARED: usize = 4;
/// A text with fewer runs has too little to be told from others.
const MIN_RUNS: usize = 60;
/// Texts with this share of their runs in common are near-duplicates.
const MIN_SHARE: f64 = 0.8;

/// Texts with this share in common are the same, however many others have the runs too.
const SAME_SHARE: f64 = 0.97;
/// A run that this many documents of one language and version have belongs to their pattern.
const COMMON: u8 = 4;
/// Two texts with fewer places of their own are not compared.
const MIN_OWN_PLACES: usize = 16;
/// The largest number of counters of [`Commonness`], a byte each; a power of two.
const MAX_COUNTERS: usize = 1 << 26;

/// The least hashes of a text's runs, by part of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<u32>", try_from = "Vec<u32>")]
pub(super) struct Signature(Box<[u32; PLACES]>);

impl From<Signature> for Vec<u32> {
    fn from(signature: Signature) -> Self {
        signature.0.to_vec()
    }
}

impl TryFrom<Vec<u32>> for Signature {
    type Error = &'static str;

    fn try_from(places: Vec<u32>) -> Result<Self, Self::Error> {
        let places = places.into_boxed_slice().try_into().map_err(|_| "it has another number of places")?;
        Ok(Self(places))
    }
}

impl Signature {
    /// The signature of a text; `None` of one that is too short.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut least = [u32::MAX; PLACES];
        let mut words = Words { last: [0; RUN], seen: 0 };
        let mut num_runs = 0;
        let mut add = |hash: u64| {
            if let Some(run) = words.push(hash) {
                num_runs += 1;
                let place = (run >> 57) as usize;
                least[place] = least[place].min(run as u32);
            }
        };
        let mut word: Option<u64> = None;
        for character in text.chars() {
            let is_cjk = kb::analyzer::is_cjk(character);
            if !character.is_alphanumeric() || is_cjk {
                word.take().into_iter().for_each(&mut add);
            }
            if is_cjk {
                // Not parted by spaces.
                add(mixed(u64::from(character)));
            } else if character.is_alphanumeric() {
                for lower in character.to_lowercase() {
                    word = Some(with_letter(word.unwrap_or(0), lower));
                }
            }
        }
        word.into_iter().for_each(add);
        if num_runs < MIN_RUNS {
            return None;
        }
        // A place without a run takes that of the next one, and knows how far it is.
        let own = least;
        for at in 0..PLACES {
            let next = (0..PLACES).find(|far| own[(at + far) % PLACES] != u32::MAX).unwrap_or(0);
            least[at] = own[(at + next) % PLACES].wrapping_add(next as u32);
        }
        Some(Self(Box::new(least)))
    }

    /// The share of runs that two texts have in common.
    fn share(&self, other: &Self, commonness: &Commonness, edition: u64) -> f64 {
        let pairs = || self.0.iter().zip(other.0.iter()).enumerate();
        let share = |equal: usize, all: usize| equal as f64 / all.max(1) as f64;
        let all = share(pairs().filter(|(_, (a, b))| a == b).count(), PLACES);
        if all >= SAME_SHARE {
            return all;
        }
        let own =
            |(place, (a, b)): &(usize, (&u32, &u32))| a != b || !commonness.is_common(edition, *place, **a);
        let (mut equal, mut counted) = (0, 0);
        for (_, (a, b)) in pairs().filter(own) {
            counted += 1;
            equal += usize::from(a == b);
        }
        if counted < MIN_OWN_PLACES { 0.0 } else { share(equal, counted) }
    }

    /// The bands, each with its number.
    fn bands(&self) -> impl Iterator<Item = (usize, &[u32])> {
        self.0.chunks_exact(BAND).enumerate()
    }
}

/// The last words of a text.
struct Words {
    last: [u64; RUN],
    seen: usize,
}

impl Words {
    /// The hash of the run that a word ends.
    fn push(&mut self, word: u64) -> Option<u64> {
        self.last.rotate_left(1);
        self.last[RUN - 1] = word;
        self.seen += 1;
        (self.seen >= RUN).then(|| self.last.iter().fold(0, |run, word| mixed(run ^ word)))
    }
}

/// The hash of a word that goes on with a letter, by FNV-1a; it is mixed when the word is part of a run.
fn with_letter(word: u64, letter: char) -> u64 {
    (word ^ u64::from(letter)).wrapping_mul(0x0100_0000_01b3)
}

/// A hash of a number, as SplitMix64 mixes it.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How many documents have a run, at most 255. Two runs may share a counter, which makes both a little more common.
struct Commonness {
    counters: Vec<u8>,
}

impl Commonness {
    fn of(pages: &[Page]) -> Self {
        let size = (pages.len() * PLACES * 4).next_power_of_two().min(MAX_COUNTERS);
        let mut commonness = Self { counters: vec![0; size] };
        for page in pages {
            for (place, run) in page.signature.iter().flat_map(|signature| signature.0.iter().enumerate()) {
                let at = commonness.at(edition_of(page), place, *run);
                commonness.counters[at] = commonness.counters[at].saturating_add(1);
            }
        }
        commonness
    }

    fn at(&self, edition: u64, place: usize, run: u32) -> usize {
        let hash = mixed(edition ^ mixed((place as u64) << 32 | u64::from(run)));
        hash as usize & (self.counters.len() - 1)
    }

    fn is_common(&self, edition: u64, place: usize, run: u32) -> bool {
        self.counters[self.at(edition, place, run)] >= COMMON
    }
}

/// A hash of a document's language and version: the editions of a page are not a pattern.
fn edition_of(page: &Page) -> u64 {
    let parts = [page.language.as_deref(), page.version.as_deref()];
    let bytes = parts.into_iter().flat_map(|part| part.unwrap_or_default().bytes().chain([0]));
    bytes.fold(0, |hash, byte| mixed(hash ^ u64::from(byte)))
}

/// Documents that say nearly what one before them says, each with the one that is nearest.
pub(super) fn texts(pages: &[Page]) -> Vec<(&Page, Finding)> {
    let commonness = Commonness::of(pages);
    let mut bands: HashMap<(usize, &[u32]), Vec<usize>> = HashMap::new();
    let mut findings = Vec::new();
    for (at, page) in pages.iter().enumerate() {
        let Some(signature) = page.signature.as_ref().filter(|_| !page.is_entry()) else { continue };
        let mut compared = HashSet::new();
        let mut nearest: Option<(f64, usize)> = None;
        for band in signature.bands() {
            let others = bands.entry(band).or_default();
            for &other in others.iter().filter(|other| compared.insert(**other)) {
                let other_signature = pages[other].signature.as_ref();
                let share = other_signature
                    .map_or(0.0, |other| signature.share(other, &commonness, edition_of(page)));
                if share >= MIN_SHARE
                    && nearest.is_none_or(|(best, _)| share > best)
                    && !page.is_edition_of(&pages[other])
                {
                    nearest = Some((share, other));
                }
            }
            if others.len() < MAX_COMPARED {
                others.push(at);
            }
        }
        if let Some((share, other)) = nearest {
            let percent = (share * 100.0).floor();
            let message = format!(
                "says the same as `{}` ({percent} % of the words in a row)",
                shown_path(&pages[other].path)
            );
            findings.push((page, Finding::new(Check::NearDuplicate, &page.path, None, message)));
        }
    }
    findings
}

/// Pages with the title of another one of their source.
pub(super) fn titles(pages: &[Page]) -> Vec<(&Page, Finding)> {
    let mut first = HashMap::new();
    let mut findings = Vec::new();
    for page in pages.iter().filter(|page| !page.is_entry() && !page.is_index() && !page.title.is_empty()) {
        let (language, version) = (page.language.as_deref(), page.version.as_deref());
        let key = (page.source.as_str(), language, version, page.title.to_lowercase());
        match first.get(&key) {
            None => drop(first.insert(key, page)),
            Some(&other) if page.is_edition_of(other) => {}
            Some(&other) => {
                let other: &Page = other;
                let message =
                    format!("has the title of `{}`: `{}`", shown_path(&other.path), shown(&page.title));
                findings.push((page, Finding::new(Check::DuplicateTitle, &page.path, None, message)));
            }
        }
    }
    findings
}
