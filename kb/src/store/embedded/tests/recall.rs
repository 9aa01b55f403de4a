//! The byte scan with its rescore finds what an exact search over the floats finds.

use super::super::{
    bits::Bits,
    layout::Layout,
    vectors::{Appender, Purpose, Vectors, dot},
};
use crate::store::contract::Random;

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

/// Writes rows and maps them again.
fn stored(rows: &[Vec<f32>]) -> (tempfile::TempDir, Vectors) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let paths = Layout::new(directory.path()).generation(1);
    std::fs::create_dir(&paths.directory).expect("the directory is new");
    let mut appender = Appender::open(&paths, rows[0].len(), 0, Some(&[])).expect("the files are new");
    for row in rows {
        appender.append(row).expect("there is space");
    }
    appender.sync().expect("there is space");
    let (dimensions, count) = (rows[0].len(), rows.len() as u64);
    let vectors = Vectors::open(&paths, dimensions, count, None, Purpose::Searching, None);
    let vectors = vectors.expect("they were just written");
    (directory, vectors)
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

#[test]
fn the_ten_nearest_are_found() {
    let mut random = Random(1);
    let centres: Vec<Vec<f32>> =
        (0..40).map(|_| normalised((0..384).map(|_| gaussian(&mut random)).collect())).collect();
    let rows: Vec<Vec<f32>> = (0..6_000).map(|_| clustered(&mut random, &centres, 0.02)).collect();
    let (_directory, vectors) = stored(&rows);
    let allowed = all(rows.len());
    let (mut found, mut wanted) = (0, 0);
    for _ in 0..200 {
        let query = clustered(&mut random, &centres, 0.03);
        let expected = exact(&rows, &allowed, &query, 10);
        let got = nearest(&vectors, &allowed, &query, 10);
        wanted += expected.len();
        found += expected.iter().filter(|(_, row)| got.iter().any(|(_, other)| other == row)).count();
    }
    let recall = found as f64 / wanted as f64;
    println!("recall@10 {recall:.5}");
    assert!(recall >= 0.999, "recall@10 is {recall}");
}

#[test]
fn only_allowed_rows_are_found_on_one_core_and_on_many() {
    let mut random = Random(2);
    let rows: Vec<Vec<f32>> =
        (0..45_000).map(|_| normalised((0..16).map(|_| gaussian(&mut random)).collect())).collect();
    let (_directory, vectors) = stored(&rows);
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
