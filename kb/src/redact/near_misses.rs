//! Tests of texts that are nearly a secret, for each vendor's format: the texts that gitleaks' own tests say are not
//! secret (`near_misses.json`, which `scripts/secrets/near_misses.py` writes), and drawn secrets that were cut or
//! filled.

use super::{
    compiled, redact,
    tests::{Random, drawn},
    vendors::{self, Vendor},
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct File {
    texts: BTreeMap<String, Vec<String>>,
}

/// Whether a rule redacts something in a text.
fn redacts(rule: &str, text: &str) -> bool {
    redact(text).counts.contains_key(rule)
}

#[test]
fn what_the_rule_set_says_is_no_secret_stays() {
    let file: File = serde_json::from_str(include_str!("near_misses.json")).expect("the file is generated");
    let known: Vec<&str> = vendors::all().iter().map(|vendor| vendor.id.as_str()).collect();
    let mut redacted = Vec::new();
    let mut count = 0;
    for (rule, texts) in &file.texts {
        assert!(known.contains(&rule.as_str()), "{rule} is no rule");
        count += texts.len();
        redacted.extend(texts.iter().filter(|text| redacts(rule, text)).map(|_| rule.as_str()));
    }
    println!("{count} near misses of {} rules", file.texts.len());
    assert!(count > 150, "{count}");
    // Names with a bracket or a full stop behind the part that looks like a value: `GLC_CreateLightmapTextures(`,
    // `video_box.ico-<hash>.png`. In prose these signs end a secret as well, so the two cannot be told apart.
    assert_eq!(redacted, ["grafana-cloud-api-token", "grafana-cloud-api-token", "infracost-api-token"]);
}

/// A text that the format matches, with the range of its secret.
fn sample(vendor: &Vendor, random: &mut Random) -> (String, std::ops::Range<usize>) {
    let pattern = compiled(&vendor.pattern);
    loop {
        let text = drawn(vendor.pattern.trim_end_matches(r"(?:[^\w/+=-]|$)"), random);
        let Some(found) = pattern.captures(text.as_bytes()) else { continue };
        let group = vendor.group.and_then(|group| found.get(group));
        let secret = group.or_else(|| found.iter().skip(1).flatten().find(|group| !group.is_empty()));
        let range = secret.or(found.get(0)).map(|secret| secret.range()).unwrap_or_default();
        if range.len() >= 8 && text.is_char_boundary(range.start) && text.is_char_boundary(range.end) {
            return (text, range);
        }
    }
}

/// Half of a secret still matches a format without a fixed length: at most one format in twenty.
#[test]
fn secrets_that_are_cut_or_filled_are_none() {
    let mut random = Random(11);
    let (mut cut, mut filled) = (Vec::new(), Vec::new());
    for vendor in vendors::all() {
        let (mut num_cut, mut num_filled) = (0, 0);
        for _ in 0..4 {
            let (text, secret) = sample(vendor, &mut random);
            let with = |value: &str| format!("x {}{value} y", &text[..secret.start]);
            let value = &text[secret.clone()];
            let half = &value[..value.floor_char_boundary(value.len() / 2)];
            num_cut += usize::from(redacts(&vendor.id, &with(half)));
            // The filler of a template in place of the part that differs between secrets.
            let kept =
                value.find(|c: char| c.is_ascii_digit() || matches!(c, '_' | '-')).map_or(0, |at| at + 1);
            let kept = kept.min(value.len() / 2);
            let shown = format!("{}{}", &value[..kept], "x".repeat(value.len() - kept));
            num_filled += usize::from(redacts(&vendor.id, &with(&shown)));
        }
        if num_cut > 0 {
            cut.push(format!("{} {num_cut}", vendor.id));
        }
        if num_filled > 0 {
            filled.push(format!("{} {num_filled}", vendor.id));
        }
    }
    println!("of {} formats, halves redacted: {cut:?}; fillers redacted: {filled:?}", vendors::all().len());
    assert!(filled.is_empty(), "{filled:?}");
    assert!(cut.len() * 20 <= vendors::all().len(), "{cut:?}");
}
