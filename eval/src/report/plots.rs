//! Plots as inline SVG. Colours come from the page's CSS variables by class, so that light and dark need no second
//! drawing; coordinates are rounded, so that equal figures give equal bytes.

use super::escape::html;
use crate::{
    abstention::{Outcome, RiskCoverage},
    results::{SetResult, Stage},
    statistics::quantile,
};
use std::fmt::Write as _;

/// Each set's stages as dots, the final one with its interval and the floor it must reach. The axis ends at 1 and
/// begins at the tenth below everything shown.
pub fn stages(sets: &[SetResult], floor_of: impl Fn(&str) -> Option<f64>) -> String {
    const LEFT: f64 = 170.0;
    const WIDTH: f64 = 760.0;
    const ROW: f64 = 30.0;
    let plot = WIDTH - LEFT - 60.0;
    let shown = sets.iter().flat_map(|set| {
        let values = set.stages.values().flat_map(|found| [found.metrics.ndcg_10, found.interval.low]);
        values.chain(floor_of(&set.name))
    });
    let first_tenth = (shown.fold(0.8, f64::min) * 10.0).floor().max(0.0) as u32;
    let low = f64::from(first_tenth) / 10.0;
    let x = |value: f64| LEFT + ((value - low) / (1.0 - low)).clamp(0.0, 1.0) * plot;
    let height = 26.0 + ROW * sets.len() as f64 + 10.0;
    let mut svg = open(WIDTH, height, "nDCG@10 of each stage, by set");
    for tenth in first_tenth..=10 {
        let value = f64::from(tenth) / 10.0;
        line(&mut svg, "grid", x(value), 20.0, x(value), height - 8.0);
        text(&mut svg, "axis middle", x(value), 13.0, &format!("{value:.1}"));
    }
    for (at, set) in sets.iter().enumerate() {
        let y = 26.0 + ROW * (at as f64 + 0.5);
        text(&mut svg, "name", 0.0, y + 4.0, &super::escape::shortened(&set.name, 24));
        line(&mut svg, "grid", LEFT, y, LEFT + plot, y);
        if let Some(floor) = floor_of(&set.name) {
            let points = format!("M{} {}v-18", n(x(floor)), n(y + 9.0));
            let title = format!("floor {floor:.3}");
            svg_push(
                &mut svg,
                format_args!("<path class=\"floor\" d=\"{points}\"><title>{title}</title></path>"),
            );
        }
        let last = if set.stages.contains_key(&Stage::Passages) { Stage::Passages } else { Stage::Final };
        for (stage, class) in
            [(Stage::Bm25, "bm25"), (Stage::Dense, "dense"), (Stage::Fused, "fused"), (last, "final")]
        {
            let Some(found) = set.stages.get(&stage) else { continue };
            let value = found.metrics.ndcg_10;
            if stage == last {
                line(&mut svg, "interval", x(found.interval.low), y, x(found.interval.high), y);
                text(&mut svg, "value", LEFT + plot + 12.0, y + 4.0, &format!("{value:.3}"));
            }
            let radius = if stage == last { 6.0 } else { 4.5 };
            svg_push(
                &mut svg,
                format_args!(
                    "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{radius}\"><title>{} {value:.4}</title></circle>",
                    n(x(value)),
                    n(y),
                    stage.name(),
                ),
            );
        }
    }
    svg + "</svg>"
}

/// Risk against coverage as a step line, with the risk at full coverage marked.
pub fn risk_coverage(curve: &[RiskCoverage]) -> String {
    let frame = Frame::new("Risk against coverage");
    let mut svg = frame.open("coverage", "risk");
    let mut path = String::new();
    for (at, point) in curve.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        write!(path, "{command}{} {}", n(frame.x(point.coverage)), n(frame.y(point.risk))).expect("a string");
    }
    svg_push(&mut svg, format_args!("<path class=\"curve\" d=\"{path}\"/>"));
    if let Some(last) = curve.last() {
        let title = format!("all answered: {:.1} % wrong", last.risk * 100.0);
        svg_push(
            &mut svg,
            format_args!(
                "<circle class=\"unanswerable\" cx=\"{}\" cy=\"{}\" r=\"4\"><title>{title}</title></circle>",
                n(frame.x(last.coverage)),
                n(frame.y(last.risk)),
            ),
        );
    }
    svg + "</svg>"
}

/// How confidence is spread over answerable (up) and unanswerable (down) questions, with the threshold at which 95 %
/// of the answerable are answered.
pub fn confidences(outcomes: &[Outcome], threshold_at_95: f64) -> String {
    const BINS: usize = 25;
    let mut counts = [[0usize; BINS]; 2];
    for outcome in outcomes {
        let bin = ((outcome.confidence.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1);
        counts[usize::from(!outcome.answerable)][bin] += 1;
    }
    let totals = counts.map(|side| side.iter().sum::<usize>().max(1) as f64);
    let highest = counts
        .iter()
        .zip(totals)
        .flat_map(|(side, total)| side.iter().map(move |count| *count as f64 / total))
        .fold(1e-9, f64::max);
    let frame = Frame::new("Confidence of answerable and unanswerable questions");
    let mut svg = frame.open("confidence", "");
    let middle = (frame.y(0.0) + frame.y(1.0)) / 2.0;
    let half = (frame.y(0.0) - frame.y(1.0)) / 2.0;
    let step = (frame.x(1.0) - frame.x(0.0)) / BINS as f64;
    for (side, class) in [(0, "answerable"), (1, "unanswerable")] {
        for (bin, count) in counts[side].iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = (*count as f64 / totals[side] / highest * half).max(1.0);
            let y = if side == 0 { middle - height } else { middle };
            svg_push(
                &mut svg,
                format_args!(
                    "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{count} {class}</title></rect>",
                    n(frame.x(0.0) + bin as f64 * step + 0.5),
                    n(y),
                    n(step - 1.0),
                    n(height),
                ),
            );
        }
    }
    line(&mut svg, "baseline", frame.x(0.0), middle, frame.x(1.0), middle);
    let at = frame.x(threshold_at_95.clamp(0.0, 1.0));
    svg_push(
        &mut svg,
        format_args!(
            "<path class=\"floor\" d=\"M{} {}V{}\"><title>95 % of the answerable lie to the right of {threshold_at_95:.3}</title></path>",
            n(at),
            n(frame.y(1.0)),
            n(frame.y(0.0)),
        ),
    );
    svg + "</svg>"
}

/// The share of retrievals done within a time, a line a set, on a logarithmic axis.
pub fn latency(name: &str, sorted_ms: &[f64]) -> String {
    let frame = Frame::new("Share of retrievals done within a time");
    let (low, high) = (quantile(sorted_ms, 0.0).max(0.05), quantile(sorted_ms, 1.0).max(0.1));
    let (low, high) = (low.log10().floor(), (high.log10().ceil()).max(low.log10().floor() + 1.0));
    let place = |ms: f64| ((ms.max(1e-3).log10() - low) / (high - low)).clamp(0.0, 1.0);
    let mut svg = frame.open_bare(name);
    let mut decade = low;
    while decade <= high {
        let at = frame.x((decade - low) / (high - low));
        line(&mut svg, "grid", at, frame.y(0.0), at, frame.y(1.0));
        text(&mut svg, "axis middle", at, frame.y(0.0) + 15.0, &duration(10f64.powf(decade)));
        decade += 1.0;
    }
    for share in [0.0, 0.5, 1.0] {
        line(&mut svg, "grid", frame.x(0.0), frame.y(share), frame.x(1.0), frame.y(share));
        text(
            &mut svg,
            "axis end",
            frame.x(0.0) - 6.0,
            frame.y(share) + 4.0,
            &format!("{:.0} %", share * 100.0),
        );
    }
    let mut path = format!("M{} {}", n(frame.x(0.0)), n(frame.y(0.0)));
    for (at, ms) in sorted_ms.iter().enumerate() {
        let share = (at + 1) as f64 / sorted_ms.len() as f64;
        write!(path, "H{}V{}", n(frame.x(place(*ms))), n(frame.y(share))).expect("a string");
    }
    svg_push(&mut svg, format_args!("<path class=\"curve\" d=\"{path}\"/>"));
    for (q, label) in [(0.5, "p50"), (0.99, "p99")] {
        let ms = quantile(sorted_ms, q);
        svg_push(
            &mut svg,
            format_args!(
                "<circle class=\"final\" cx=\"{}\" cy=\"{}\" r=\"4\"><title>{label} {ms:.1} ms</title></circle>",
                n(frame.x(place(ms))),
                n(frame.y(q)),
            ),
        );
    }
    svg + "</svg>"
}

/// `100 ms`, `10 s`.
fn duration(ms: f64) -> String {
    if ms < 1_000.0 { format!("{} ms", trimmed(ms)) } else { format!("{} s", trimmed(ms / 1_000.0)) }
}

/// The square that small plots share.
struct Frame {
    title: &'static str,
}

impl Frame {
    const LEFT: f64 = 44.0;
    const TOP: f64 = 10.0;
    const WIDTH: f64 = 300.0;
    const HEIGHT: f64 = 150.0;

    fn new(title: &'static str) -> Self {
        Self { title }
    }

    /// Horizontal place of 0..1.
    fn x(&self, value: f64) -> f64 {
        Self::LEFT + value * Self::WIDTH
    }

    /// Vertical place of 0..1, 1 at the top.
    fn y(&self, value: f64) -> f64 {
        Self::TOP + (1.0 - value) * Self::HEIGHT
    }

    /// Opens the SVG without axes.
    fn open_bare(&self, of: &str) -> String {
        let title = if of.is_empty() { self.title.to_owned() } else { format!("{}: {of}", self.title) };
        open(Self::LEFT + Self::WIDTH + 26.0, Self::TOP + Self::HEIGHT + 36.0, &title)
    }

    /// Opens the SVG with both axes from 0 to 1.
    fn open(&self, x_label: &str, y_label: &str) -> String {
        let mut svg = self.open_bare("");
        for quarter in 0..=4 {
            let value = f64::from(quarter) / 4.0;
            line(&mut svg, "grid", self.x(value), self.y(0.0), self.x(value), self.y(1.0));
            text(&mut svg, "axis middle", self.x(value), self.y(0.0) + 15.0, &trimmed(value));
            if !y_label.is_empty() {
                line(&mut svg, "grid", self.x(0.0), self.y(value), self.x(1.0), self.y(value));
                text(&mut svg, "axis end", self.x(0.0) - 6.0, self.y(value) + 4.0, &trimmed(value));
            }
        }
        text(&mut svg, "axis middle", self.x(0.5), self.y(0.0) + 31.0, x_label);
        if !y_label.is_empty() {
            svg_push(
                &mut svg,
                format_args!(
                    "<text class=\"axis middle\" transform=\"translate(10 {})rotate(-90)\">{y_label}</text>",
                    n(self.y(0.5))
                ),
            );
        }
        svg
    }
}

fn open(width: f64, height: f64, title: &str) -> String {
    format!("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", n(width), n(height), html(title))
}

fn line(svg: &mut String, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
    svg_push(svg, format_args!("<path class=\"{class}\" d=\"M{} {}L{} {}\"/>", n(x1), n(y1), n(x2), n(y2)));
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, content: &str) {
    svg_push(
        svg,
        format_args!("<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>", n(x), n(y), html(content)),
    );
}

fn svg_push(svg: &mut String, part: std::fmt::Arguments<'_>) {
    svg.write_fmt(part).expect("writing to a string cannot fail");
}

/// A coordinate, to a tenth.
fn n(value: f64) -> String {
    trimmed((value * 10.0).round() / 10.0)
}

/// A number without needless zeros.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn plots_close_what_they_open_and_hold_no_infinity() {
        let run = sample();
        let pair = &run.abstention[0];
        for svg in [
            stages(&run.sets, |_| Some(0.5)),
            risk_coverage(&pair.measures.curve),
            risk_coverage(&[]),
            confidences(&pair.outcomes, pair.measures.threshold_at_95),
            confidences(&[], 0.0),
            latency("pods", &[1.0, 2.0, 900.0]),
            latency("none", &[]),
        ] {
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
            assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(
            (n(12.3456), n(7.0), trimmed(0.25), trimmed(100.0)),
            ("12.3".into(), "7".into(), "0.25".into(), "100".into())
        );
    }
}
