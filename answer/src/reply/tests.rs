//! Whole replies through all checks.

use super::*;
use crate::{checks::markup, format::Shape};

/// Passages that say what the replies below say.
fn evidence() -> Vec<Evidence> {
    let text = "It was killed by the kernel: raise the limit, or page the owner. Its key is AKIAQ7RLMXVTN2ZPWK4D, its password S3cr3tP4ss9x.";
    (1..=2).map(|n| Evidence { text: text.to_owned(), ..Evidence::sample(n) }).collect()
}

/// The same, of a document whose rule names the object and that forbids to touch it.
fn ruled() -> Vec<Evidence> {
    let rule = kb::document::Rule { name: vec!["batch".to_owned()], ..kb::document::Rule::default() };
    let mut evidence = evidence();
    evidence[1].rule = Some(kb::retrieve::RuleMatch { rule, strength: kb::retrieve::RuleStrength::Exact });
    evidence[1].prohibitions = kb::prohibition::of_passage(&[], "Never touch it.");
    evidence
}

#[test]
fn advice_against_a_rule_is_taken_out() {
    let removed = "(advice removed: the documents forbid it)";
    for (reply, expected) in [
        (
            "It is down [1].\n\nRestart it. That is safe [1].\n\nPage the owner [1].",
            Ok(format!("It is down [1].\n\n{removed}\n\nPage the owner [1].")),
        ),
        ("It is down [1].\n\nRestart it.\n\nThat is safe [1].", Ok(format!("It is down [1].\n\n{removed}"))),
        ("1. Look [1]\n2. Restart it [1]\n", Ok(format!("1. Look [1]\n2. {removed}"))),
        ("Do not restart it [2].", Ok("Do not restart it [2].".to_owned())),
        ("restart it and delete its pods, that is safe [1]", Err(Refusal::Forbidden)),
    ] {
        let (evidence, question, format) = (ruled(), question("OOMKilled"), Format::default());
        let mut checks = Checks::new(&evidence, &question, &format);
        checks.push(reply);
        let written = checks.finish().map(|written| written.text);
        assert_eq!(written, expected.map(|text| format!("WARNING: Never touch it. [2]\n{text}")), "{reply}");
        assert_eq!(checks.contradicts(), !reply.starts_with("Do not"), "{reply}");
    }
}

fn question(text: &str) -> Question {
    Question::parse(text, Some("english")).expect("a question")
}

#[test]
fn what_the_sources_do_not_say_is_marked_and_counted() {
    let mark = "(not in the source)";
    for (reply, expected, unsupported) in [
        ("It was killed by the kernel [1].", "It was killed by the kernel [1].".to_owned(), 0.0),
        ("It was killed after 99 minutes [1].", format!("It was killed after 99 minutes [1]. {mark}"), 1.0),
        (
            "1. It was killed by the kernel\n2. Wait for 99 minutes, then page the owner\n3. Page the owner [2]",
            format!(
                "1. It was killed by the kernel\n2. Wait for 99 minutes, then page the owner {mark}\n3. Page the owner [2]"
            ),
            0.5,
        ),
        (
            "Steps, all from [1]:\n\n1. Page the owner\n2. Wait for 99 minutes, then page the owner",
            format!(
                "Steps, all from [1]:\n\n1. Page the owner\n2. Wait for 99 minutes, then page the owner {mark}"
            ),
            0.6,
        ),
    ] {
        for format in [Format::default(), Format { max_chars: Some(400), ..Format::default() }] {
            let (evidence, question) = (evidence(), question("OOMKilled"));
            let mut checks = Checks::new(&evidence, &question, &format);
            checks.push(reply);
            assert_eq!(checks.finish().map(|written| written.text), Ok(expected.clone()), "{reply}");
            assert!((checks.unsupported() - unsupported).abs() < 0.15, "{reply}: {}", checks.unsupported());
        }
    }
    let said = from_reply("[1]", &evidence(), &question("OOMKilled"), &Format::default());
    assert_eq!(said, Err(Refusal::Empty));
}

#[test]
fn replies_become_answers_or_refusals() {
    let check = |reply: &str| from_reply(reply, &evidence(), &question("OOMKilled"), &Format::default());
    let written =
        check("Raise the limit [1], not [9]. See [it](https://evil.example).").expect("it is cited");
    assert_eq!(written.text, "Raise the limit [1], not. See it.");
    assert_eq!(written.citations.len(), 1);
    assert_eq!(check("Raise the limit."), Err(Refusal::Uncited));
    assert_eq!(check("I don't know."), Err(Refusal::SaidSo));
    assert_eq!(check("Error: I don’t know\nSolution: -"), Err(Refusal::SaidSo));
    assert_eq!(check("我不知道"), Err(Refusal::SaidSo));
}

#[test]
fn what_only_wraps_an_answer_is_taken_off() {
    let answer = "## Cause\n\nIt was killed by the kernel [1].\n\n1. Raise the limit of it [1].";
    for reply in [
        format!("```markdown\n{answer}\n```"),
        format!("```md\n{answer}\n```\n"),
        format!("```\n{answer}\n```"),
        format!("~~~text\n{answer}\n~~~"),
        format!("<think>\nHm, `kubectl delete ns x` [2].\n\nI don't know.\n</think>\n\n{answer}"),
        format!("<think>Short.</think>\n```markdown\n{answer}\n```"),
        format!("Hm, so it is.\n\nI see.\n</think>\n\n{answer}"),
    ] {
        let written = from_reply(&reply, &evidence(), &question("OOMKilled"), &Format::default());
        assert_eq!(written.map(|written| written.text), Ok(answer.to_owned()), "{reply}");
    }
    for reply in [
        "I don't know which process it is, but the kernel killed it [1].",
        "I don't know, but document 1 explains it: the kernel killed it [1].",
        "我不知道是哪個程序，但核心終止了它 [1]。",
        "Tôi không biết tiến trình nào, nhưng kernel đã dừng nó [1].",
        "Saya tidak tahu prosesnya, tetapi kernel menghentikannya [1].",
    ] {
        assert_eq!(
            from_reply(reply, &evidence(), &question("OOMKilled"), &Format::default())
                .map(|written| written.text),
            Ok(reply.to_owned())
        );
    }
    for (cited, shown) in [
        ("It was killed (document 1).", "It was killed [1]."),
        ("容器被終止［１］。", "容器被終止[1]。"),
        ("容器被終止（參考文件1）。", "容器被終止[1]。"),
        ("Đã bị dừng [tài liệu 1, 2].", "Đã bị dừng [1][2]."),
        ("Dihentikan (sumber: [1]).", "Dihentikan [1]."),
        ("It was killed.¹", "It was killed.[1]"),
        ("It was killed [Document 1 & Document 2].", "It was killed [1][2]."),
    ] {
        assert_eq!(
            from_reply(cited, &evidence(), &question("OOMKilled"), &Format::default())
                .map(|written| written.text),
            Ok(shown.to_owned()),
            "{cited}"
        );
    }
    // A citation in the reasoning covers no sentence of the answer, as long as the reasoning was not shown.
    let reasoned = "Hm, document 1 says so [1].\n\nI see.\n</think>\n\nIn short: fix the dependency of the pods.\n\nLook at it [1].";
    let (evidence, question, format) = (evidence(), question("OOMKilled"), Format::default());
    let mut checks = Checks::new(&evidence, &question, &format).unshown();
    checks.push(reasoned);
    assert_eq!(
        checks.finish().map(|written| written.text),
        Ok("In short: fix the dependency of the pods. (no source)\n\nLook at it [1].".to_owned())
    );
    let unclosed = "<think>\nIt was killed [1].\n\nRaise the limit [1].";
    assert_eq!(from_reply(unclosed, &evidence, &question, &format), Err(Refusal::Uncited));
}

/// The text that is shown while the reply arrives in pieces of `piece_bytes`, and the finished text.
fn streamed(
    reply: &str,
    piece_bytes: &[usize],
    question: &Question,
    evidence: &[Evidence],
) -> (String, Result<Written, Refusal>) {
    let format = Format::default();
    let mut checks = Checks::new(evidence, question, &format);
    let (mut shown, mut rest) = (String::new(), reply);
    for length in piece_bytes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.ceil_char_boundary((*length).clamp(1, rest.len())));
        shown.push_str(&checks.push(piece));
        assert_eq!(checks.emitted().map(|written| written.text).unwrap_or_default(), shown, "{reply:?}");
        rest = after;
    }
    (shown, checks.finish())
}

/// The blocks as they are shown one after the other, when every byte arrives by itself.
fn check(reply: &str, expected: &[&str]) {
    let (evidence, format, question) = (evidence(), Format::default(), question("OOMKilled"));
    let mut checks = Checks::new(&evidence, &question, &format);
    let pieces = reply.char_indices().map(|(at, c)| checks.push(&reply[at..at + c.len_utf8()]));
    let mut shown: Vec<String> = pieces.collect();
    let text = checks.finish().map_or_else(|refusal| format!("{refusal:?}"), |written| written.text);
    let rest = text.strip_prefix(&shown.concat()).expect("the text goes on where it was left");
    shown.push(rest.to_owned());
    shown.retain(|block| !block.is_empty());
    assert_eq!(shown, expected, "{reply:?}");
}

#[test]
fn blocks_are_shown_when_they_are_checked() {
    check(
        "It was killed [1].\n\nRaise the memory limit of it [9].\n",
        &["It was killed [1].", "\n\nRaise the memory limit of it. (no source)"],
    );
    check(
        "It was killed [1].\nDo this:\n1. Look [1]\n2. See [it](https://evil.example/x) [2]\n\nDone [1].\n",
        &["It was killed [1].\nDo this:", "\n1. Look [1]", "\n2. See it [2]", "\n\nDone [1]."],
    );
    check(
        "Cause [1].\n```bash\nkubectl get pods\n\nkubectl drain x\n```\nEnd [1].\n",
        &[
            "Cause [1].",
            "\n```bash\nkubectl get pods\n\n# command removed: it destroys, and is not in the documents\n```",
            "\nEnd [1].",
        ],
    );
}

#[test]
fn a_fence_that_is_left_open_is_closed() {
    check("Run [1]:\n```\nkubectl get pods", &["Run [1]:", "\n```\nkubectl get pods\n```"]);
}

#[test]
fn the_client_gets_the_parts_it_reads() {
    let format = Format { shape: Shape::ErrorSolution, ..Format::default() };
    let (evidence, question) = (evidence(), question("OOMKilled"));
    for (reply, text) in [
        ("Error: it fails [1]\nSolution: look [1]", "Error: it fails [1]\nSolution: look [1]"),
        ("**Cause**\n\nIt fails [1].\n\nLook at it [1].", "Error: It fails [1].\nSolution: Look at it [1]."),
        (
            "It fails [1].\n1. Look [1]\n2. Wait [1]",
            "Error: It fails [1].\nSolution:\n1. Look [1]\n2. Wait [1]",
        ),
        ("It fails [1].", "Error: It fails [1]."),
    ] {
        let mut checks = Checks::new(&evidence, &question, &format);
        assert_eq!(checks.push(reply), "", "the layout is known at the end");
        assert_eq!(checks.finish().expect("it is cited").text, text, "{reply:?}");
    }
}

#[test]
fn nothing_is_shown_before_the_first_citation() {
    check(
        "# Cause\n\nThe kernel killed the container.\n\nRaise the limit [1].\n\nThen wait [2].",
        &[
            "# Cause\n\nThe kernel killed the container. (no source)\n\nRaise the limit [1].",
            "\n\nThen wait [2].",
        ],
    );
    check("One.\n\nTwo [7].\n\nThree.\n\n", &["Uncited"]);
    check("I don't know\n\nBut raise it [1].\n\nAnd wait [1].\n\n", &["SaidSo"]);
    check("Error:\n\nI don’t know.\n\n- Look [1]\n- End [1]\n", &["SaidSo"]);
}

#[test]
fn a_reply_without_end_is_not_read_to_its_end() {
    let (evidence, question, format) = (evidence(), question("OOMKilled"), Format::default());
    let line = "The kernel killed the container [1].\n\n";
    let whole = line.repeat(blocks::MAX_BYTES / line.len());
    assert!(from_reply(&whole, &evidence, &question, &format).is_ok());
    let long = line.repeat(blocks::MAX_BYTES / line.len() + 1);
    assert_eq!(from_reply(&long, &evidence, &question, &format), Err(Refusal::TooLong));
    assert_eq!(
        from_reply(&"a".repeat(2 * blocks::MAX_BYTES), &evidence, &question, &format),
        Err(Refusal::TooLong)
    );
    let reasoned = format!("<think>\n{}</think>\n{line}", "Hm.\n".repeat(blocks::MAX_BYTES));
    assert!(from_reply(&reasoned, &evidence, &question, &format).is_ok(), "reasoning does not count");
    let mut checks = Checks::new(&evidence, &question, &format);
    let shown: String =
        long.as_bytes().chunks(100).map(|piece| checks.push(str::from_utf8(piece).expect("ASCII"))).collect();
    assert!(checks.is_too_long());
    assert_eq!(checks.emitted().map(|written| written.text), Some(shown));
    assert_eq!(checks.finish(), Err(Refusal::TooLong));
}

#[test]
fn what_only_the_end_decides_waits_for_it() {
    let reply = "Error: it fails [1].\n\nSolution: look [1].\n\n";
    let masked = question("Deployment JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V has 1 replicas");
    assert!(!masked.anonymised().is_empty());
    let (shown, written) = streamed(reply, &[1], &masked, &evidence());
    assert_eq!(shown, "");
    assert!(
        written
            .expect("it is cited")
            .text
            .ends_with("Object: JUBBMl8rRw==, QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V")
    );
    let (evidence, question) = (evidence(), question("OOMKilled"));
    let format = Format { max_chars: Some(40), ..Format::default() };
    assert_eq!(Checks::new(&evidence, &question, &format).push(reply), "");
}

#[test]
fn secrets_are_masked_before_they_are_shown() {
    let key = "AKIAQ7RLMXVTN2ZPWK4D";
    check(
        &format!("It is {key} [1].\n\nOr AKIA**Q7RLMX**VTN2ZPWK4D [1].\n"),
        &["It is [redacted:aws-access-key] [1].", "\n\nOr [redacted:aws-access-key] [1]."],
    );
    check(
        "Its password:\n\nS3cr3tP4ss9x [1]\n\nEnd [1]\n",
        &["Its password:\n\n[redacted:password] [1]", "\n\nEnd [1]"],
    );
    check(
        &format!("A [1].\n\n{key}: //evil.example/x\n\n[{key}] and {key}(//evil.example/x) [1]\n"),
        &[
            "A [1].",
            "\n\n[redacted:aws-access-key] : [link removed] (no source)\n\n[[redacted:aws-access-key]] and [redacted:aws-access-key] ([link removed]) [1]",
        ],
    );
    let format = Format { max_chars: Some(200), ..Format::default() };
    let written = from_reply(&format!("Use {key} [1]."), &evidence(), &question("OOMKilled"), &format);
    assert_eq!(written.expect("it is cited").text, "Use [redacted:aws-access-key] [1].");
}

/// Two blocks together mean the same as each of them alone: no markup comes to life at the seam, even where the checks
/// took something out.
#[test]
fn nothing_comes_to_life_between_blocks() {
    let question = question("OOMKilled");
    for reply in [
        "Look [1].\n\n[a\n<!-- x -->\n](//evil.example/x)\n\nEnd.",
        "Look [1].\n\n<b></b>```\n\n```\n[a](//evil.example/x)\n```\n\nEnd [1].",
        "Look [1].\n\n<b></b>```\n\nx\n\n```\n[a](//evil.example/x)\n```\n\nEnd [1].",
        "Look [1].\n\n<b></b>~~~\n\nx\n\n~~~\n[a](//evil.example/x)\n~~~\n\nEnd [1].",
        "[a]【9】(//evil.example/x) [1]",
        "`kubectl delete ns x`(//evil.example/x) [1]",
        "Look [1].\n\n- a\n\n<!-- x -->\n    [a](//evil.example/x)\n",
        "Look [1].\n\n[a]【9】(//evil.example/x)\n",
        "Look [1].\n\n`kubectl delete ns x`(//evil.example/x)\n",
        "Look [1].\n\n`kubectl delete ns x`: //evil.example/x\n\n[command removed: it destroys, and is not in the documents]\n",
        "    [a](//evil.example/x)\n\nLook [1].",
        "[a][r] [1]\n\n[r]: //evil.example/x\n\n![b][r]\n",
        "[r]: //evil.example/x\n\n[a][r] [1]\n\n![b][r]\n",
        "Look [1].\n\n[| a | b |\n|---|---|\n# \n]: //evil.example/x\n",
    ] {
        let text = from_reply(reply, &evidence(), &question, &Format::default()).expect("it is cited").text;
        let is_link = |event: &pulldown_cmark::Event<'_>| {
            use pulldown_cmark::{Event, Tag};
            matches!(
                event,
                Event::Start(Tag::Link { .. } | Tag::Image { .. }) | Event::Html(_) | Event::InlineHtml(_)
            )
        };
        let parser = pulldown_cmark::Parser::new_ext(&text, crate::markdown::OPTIONS);
        assert!(!parser.into_iter().any(|event| is_link(&event)), "{reply:?} gave {text:?}");
    }
}

/// Text that is likely to break something.
fn fragment() -> impl proptest::strategy::Strategy<Value = String> {
    proptest::sample::select(vec![
        "\n",
        "\n\n",
        "\n",
        "\n\n",
        " ",
        "    ",
        "a",
        "word ",
        "[1]",
        " [2]",
        "[9]",
        "【1】",
        "【9】",
        "- ",
        "1. ",
        "2. ",
        "> ",
        "# ",
        "```",
        "```sh",
        "~~~",
        "`",
        "``",
        "<b>",
        "</b>",
        "<!--",
        "-->",
        "<div>",
        "<script>",
        "<pod>",
        "[",
        "](",
        ")",
        "![",
        "]: ",
        "(//evil.example/x)",
        "https://evil.example/x",
        "https://wiki.example.com/1",
        "[r]: //evil.example\n",
        "[x][r]",
        "|",
        "| a | b |\n|---|---|\n",
        "---",
        "===",
        "\\",
        "&#58;",
        "*",
        "**",
        "AKIAQ7RLMX",
        "VTN2ZPWK4D",
        "password: ",
        "S3cr3tP4ss9x",
        "kubectl delete pod x",
        "`kubectl delete ns x`",
        "kubectl get pods",
        "Restart it. ",
        "That is safe [1].",
        "重启它。",
        "Error: ",
        "Solution: ",
        "I don't know",
        "<think>a [1]\n\nb</think>",
        "```markdown\n",
        "http://10.0.0.1/x ",
        "Steps [1]:\n",
        "A claim that says something without a source. ",
        "\u{1b}]8;;x",
        "\u{7}",
        "\u{1b}[31m",
        "\u{200b}",
        "\r",
        "\r\n",
        "。",
    ])
    .prop_map(str::to_owned)
}

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the reply is cut, the same text comes, in the same order, and it is the whole path's.
    #[test]
    fn cutting_makes_no_difference(
        parts in proptest::collection::vec(fragment(), 0..40),
        pieces in proptest::collection::vec(1usize..12, 1..6),
    ) {
        let reply = format!("{}\n\nLook [1].\n\n{}", parts[..parts.len() / 2].concat(), parts[parts.len() / 2..].concat());
        let question = question("OOMKilled");
        for evidence in [evidence(), ruled()] {
            let whole = from_reply(&reply, &evidence, &question, &Format::default());
            let (shown, finished) = streamed(&reply, &pieces, &question, &evidence);
            prop_assert_eq!(&finished, &whole);
            match whole {
                Ok(written) => prop_assert!(written.text.starts_with(&shown), "{:?} is not how {:?} begins", shown, written.text),
                Err(_) => prop_assert_eq!(shown, ""),
            }
        }
    }

    /// The finished text is clean as a whole, not only block by block.
    #[test]
    fn the_whole_is_as_clean_as_its_blocks(parts in proptest::collection::vec(fragment(), 0..40)) {
        let reply = format!("Look [1] [2].\n\n{}", parts.concat());
        for evidence in [evidence(), ruled()] {
            if let Ok(written) = from_reply(&reply, &evidence, &question("OOMKilled"), &Format::default()) {
                let cleaned = markup::clean(&written.text, &["https://wiki.example.com/1"]);
                prop_assert_eq!(cleaned, written.text, "of {:?}", reply);
            }
        }
    }
}
