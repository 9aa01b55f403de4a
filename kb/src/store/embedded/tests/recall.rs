//! The search finds what an exact search over the floats finds, and never by rows that are not what was committed.

use super::super::{
    bits::Bits,
    layout::{GenerationPaths, Layout},
    sums::RowSum,
    vectors::{Appender, Purpose, Vectors, dot, sums_of_rows},
};
use crate::store::{StoreError, contract::Random};

/// A vector near one of a few centres, as passages about one subject are.
fn clustered(random: &mut Random, centres: &[Vec<f32>], spread: f32) -> Vec<f32> {
    let centre = &centres[random.below(centres.len())];
    normalised(centre.iter().map(|component| component + spread * gaussian(random)).collect())
}

fn gaussian(random: &mut Random) -> f32 {
    let sum: f32 = (0..6).map(|_| random.below(1 << 20) as f32 / (1 << 20) as f32).sum();
    (sum - 3.0) * 2.0_f32.sqrt()
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|component| *component /= length);
    vector
}

/// Rows in files of their own.
struct Stored {
    _directory: tempfile::TempDir,
    paths: GenerationPaths,
    dimensions: usize,
    rows: u64,
}

impl Stored {
    fn new(rows: &[Vec<f32>]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let paths = Layout::new(directory.path()).generation(1);
        std::fs::create_dir(&paths.directory).expect("the directory is new");
        let mut stored = Self { _directory: directory, paths, dimensions: rows[0].len(), rows: 0 };
        stored.append(rows);
        stored
    }

    fn append(&mut self, rows: &[Vec<f32>]) {
        let sums = self.sums();
        let appender = Appender::open(&self.paths, self.dimensions, self.rows, Some(&sums));
        let mut appender = appender.expect("the files are new, or as they were left");
        rows.iter().for_each(|row| appender.append(row).expect("there is space"));
        appender.sync().expect("there is space");
        self.rows += rows.len() as u64;
    }

    fn sums(&self) -> Vec<RowSum> {
        match self.rows {
            0 => Vec::new(),
            rows => sums_of_rows(&self.paths, self.dimensions, rows).expect("they are there"),
        }
    }

    fn open(&self, sums: Vec<RowSum>, before: Option<&Vectors>) -> Result<Vectors, StoreError> {
        Vectors::open(&self.paths, self.dimensions, self.rows, Some(sums), Purpose::Searching, before)
    }
}

fn stored(rows: &[Vec<f32>]) -> (Stored, Vectors) {
    let stored = Stored::new(rows);
    let vectors = stored.open(stored.sums(), None).expect("they were just written");
    (stored, vectors)
}

fn exact(rows: &[Vec<f32>], allowed: &Bits, query: &[f32], limit: usize) -> Vec<(f32, u32)> {
    let mut scored: Vec<(f32, u32)> =
        allowed.iter().map(|row| (dot(&rows[row], query), row as u32)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.truncate(limit);
    scored
}

fn nearest(vectors: &Vectors, allowed: &Bits, query: &[f32], limit: usize) -> Vec<(f32, u32)> {
    vectors.nearest(query, allowed, limit, |row| row, |row| row).expect("they are in memory")
}

fn all(length: usize) -> Bits {
    let mut bits = Bits::empty(length);
    bits.insert_range(0..length);
    bits
}

/// The share of the ten nearest of `queries` vectors that are found.
fn recall(
    random: &mut Random,
    rows: &[Vec<f32>],
    allowed: &Bits,
    queries: usize,
    query: impl Fn(&mut Random) -> Vec<f32>,
) -> f64 {
    let (_stored, vectors) = stored(rows);
    let (mut found, mut wanted) = (0, 0);
    for _ in 0..queries {
        let query = query(random);
        let expected = exact(rows, allowed, &query, 10);
        let got = nearest(&vectors, allowed, &query, 10);
        assert!(got.is_sorted_by(|a, b| (b.0, a.1) <= (a.0, b.1)) && got.len() == expected.len());
        wanted += expected.len();
        found += expected.iter().filter(|expected| got.contains(expected)).count();
    }
    found as f64 / wanted as f64
}

fn centres(random: &mut Random, count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    (0..count).map(|_| normalised((0..dimensions).map(|_| gaussian(random)).collect())).collect()
}

#[test]
fn the_ten_nearest_are_found() {
    let mut random = Random(1);
    let centres = centres(&mut random, 40, 384);
    // So few rows that all their bytes are scanned.
    let rows: Vec<Vec<f32>> = (0..2_500).map(|_| clustered(&mut random, &centres, 0.02)).collect();
    let query = |random: &mut Random| clustered(random, &centres, 0.03);
    let recall = recall(&mut random, &rows, &all(rows.len()), 200, query);
    println!("recall@10 {recall:.5}");
    assert!(recall >= 0.999, "recall@10 is {recall}");
}

/// The choice by bits keeps the nearest vectors, for every shape of a model's vectors.
#[test]
fn the_ten_nearest_are_found_by_their_bits_first() {
    type Shape = fn(Vec<f32>) -> Vec<f32>;
    let shapes: [(&str, Shape); 3] = [
        ("in all directions", |vector| vector),
        // Some models have most of every vector in common.
        ("in a cone", |mut vector| {
            vector.iter_mut().enumerate().for_each(|(at, part)| *part += 0.1 * (at as f32).sin());
            normalised(vector)
        }),
        ("with dimensions that outweigh the others", |mut vector| {
            [3, 77, 200].into_iter().for_each(|at: usize| vector[at] *= 6.0);
            normalised(vector)
        }),
    ];
    for (what, shape) in shapes {
        let mut random = Random(4);
        let centres = centres(&mut random, 8, 256);
        let rows: Vec<Vec<f32>> =
            (0..10_000).map(|_| shape(clustered(&mut random, &centres, 0.05))).collect();
        let mut allowed = Bits::empty(rows.len());
        (0..rows.len()).filter(|_| random.below(20) > 0).for_each(|row| allowed.insert(row));
        let query = |random: &mut Random| shape(clustered(random, &centres, 0.05));
        let recall = recall(&mut random, &rows, &allowed, 60, query);
        println!("{what}: recall@10 {recall:.5}");
        assert!(recall >= 0.99, "{what}: recall@10 is {recall}");
    }
}

/// Rows that came later than a commit that is open are found as if all were opened at once.
#[test]
fn a_later_commit_finds_what_one_opened_afresh_finds() {
    let mut random = Random(5);
    let centres = centres(&mut random, 20, 256);
    let mut rows = |count: usize| -> Vec<Vec<f32>> {
        (0..count).map(|_| clustered(&mut random, &centres, 0.05)).collect()
    };
    let mut stored = Stored::new(&rows(5_000));
    let mut before = stored.open(stored.sums(), None).expect("they were just written");
    // The second goes beyond a power of two, where the centre moves.
    for count in [1_500, 3_000] {
        stored.append(&rows(count));
        let following = stored.open(stored.sums(), Some(&before)).expect("they were just written");
        let afresh = stored.open(stored.sums(), None).expect("they were just written");
        let allowed = all(stored.rows as usize);
        for query in rows(20) {
            assert_eq!(nearest(&following, &allowed, &query, 10), nearest(&afresh, &allowed, &query, 10));
        }
        before = following;
    }
}

/// Bytes that are too many for memory are compared as they are opened and as they are used.
#[test]
fn bytes_that_stay_on_disk_are_never_wrong() {
    let mut random = Random(6);
    let centres = centres(&mut random, 20, 256);
    let rows: Vec<Vec<f32>> = (0..5_000).map(|_| clustered(&mut random, &centres, 0.05)).collect();
    let (stored, vectors) = stored(&rows);
    assert!(!vectors.is_held());
    let (allowed, query, sums) = (all(rows.len()), rows[7].clone(), stored.sums());
    let sound = nearest(&vectors, &allowed, &query, 10);
    let file = &stored.paths.quantised;
    let whole = std::fs::read(file).expect("it is there");
    let names_it = |error: StoreError| error.to_string().contains("vectors.i8");
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(file, flipped).expect("it is ours");
        assert!(stored.open(sums.clone(), None).map(drop).is_err_and(names_it), "byte {at}");
    }
    let flipped: Vec<u8> = whole.iter().map(|byte| byte ^ 1).collect();
    for damaged in [flipped, whole[..whole.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(file, damaged).expect("it is ours");
        let found = vectors.nearest(&query, &allowed, 10, |row| row, |row| row);
        assert!(found.map(drop).is_err_and(names_it));
        assert!(stored.open(sums.clone(), None).map(drop).is_err_and(names_it));
    }
    std::fs::remove_file(file).expect("it is there");
    assert!(stored.open(sums.clone(), None).map(drop).is_err_and(names_it));
    std::fs::write(file, &whole).expect("it is ours");
    let again = stored.open(sums, None).expect("it is whole again");
    assert_eq!(nearest(&again, &allowed, &query, 10), sound);
}

#[test]
fn only_allowed_rows_are_found_on_one_core_and_on_many() {
    let mut random = Random(2);
    let rows: Vec<Vec<f32>> =
        (0..45_000).map(|_| normalised((0..16).map(|_| gaussian(&mut random)).collect())).collect();
    let (_stored, vectors) = stored(&rows);
    for share in [1, 2, 50, 50_000] {
        let mut allowed = Bits::empty(rows.len());
        (0..rows.len()).filter(|_| random.below(share) == 0).for_each(|row| allowed.insert(row));
        for _ in 0..5 {
            let query = normalised((0..16).map(|_| gaussian(&mut random)).collect());
            let (got, expected) =
                (nearest(&vectors, &allowed, &query, 10), exact(&rows, &allowed, &query, 10));
            assert_eq!(got, expected, "one in {share}");
        }
    }
}
