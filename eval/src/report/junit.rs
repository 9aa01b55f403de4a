//! JUnit XML: a test suite for the gates, and one for the cases. CI systems show it beside other tests.

use super::escape::xml;
use crate::results::RunResult;

/// The whole JUnit document.
pub fn junit(run: &RunResult) -> String {
    let mut suites = String::new();
    let (mut tests, mut failures) = (0, 0);
    let mut suite = |name: &str, found: Vec<(String, String, Option<String>)>| {
        let failed = found.iter().filter(|(_, _, failure)| failure.is_some()).count();
        suites.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">\n",
            xml(name),
            found.len()
        ));
        for (class, name, failure) in &found {
            let open = format!("    <testcase classname=\"{}\" name=\"{}\"", xml(class), xml(name));
            match failure {
                None => suites.push_str(&format!("{open}/>\n")),
                Some(failure) => {
                    let message = failure.lines().next().unwrap_or_default();
                    suites.push_str(&format!(
                        "{open}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                        xml(message),
                        xml(failure)
                    ));
                }
            }
        }
        suites.push_str("  </testsuite>\n");
        tests += found.len();
        failures += failed;
    };

    let gates = run
        .gates
        .iter()
        .map(|gate| (gate.of.clone(), gate.what.clone(), (!gate.passed).then(|| gate.describe())));
    suite(&format!("{}: gates", run.suite), gates.collect());
    if let Some(cases) = &run.cases {
        let found = cases.cases.iter().map(|case| {
            let failed = case.checks.iter().filter(|check| !check.passed);
            let failures: Vec<String> =
                failed.map(|check| format!("{}: {}", check.name, check.detail)).collect();
            (case.class.clone(), case.case.clone(), (!failures.is_empty()).then(|| failures.join("\n")))
        });
        suite(&format!("{}: cases", run.suite), found.collect());
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n{suites}</testsuites>\n",
        xml(&run.suite)
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn failures_are_counted_and_text_is_escaped() {
        let text = junit(&sample());
        assert!(
            text.contains("<testsuites name=\"sample\" tests=\"3\" failures=\"2\" errors=\"0\">"),
            "{text}"
        );
        assert!(text.contains("<testcase classname=\"pods\" name=\"ndcg@10\"/>"), "{text}");
        assert!(
            text.contains("&lt;script&gt;") && !text.contains("<script>") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert_eq!(text.matches("<testcase").count(), 3);
    }
}
