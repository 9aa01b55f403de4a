use super::*;
use crate::phrases;
use kb::question::Language;

/// The passage that the sentences are compared with.
const PASSAGE: &str = "\
## Meaning

The container reached its memory limit of 512 MiB, and the kernel ended it with exit code 137 after 30 seconds. Running pods are not
affected.

## Mitigation

1. Raise the limit in Git by at most 25 %. Two people must agree for `payments-db`.
2. Never delete the PersistentVolumeClaim of the old primary: the operator rewinds it.
3. Ask `data-primary` in `#data-oncall` when the pod does not start within 10 minutes.
4. Drain the node `worker-5`, then restart the kubelet.
";

fn evidence(text: &str) -> Evidence {
    Evidence {
        text: text.to_owned(),
        prohibitions: prohibition::of_passage(&[], text),
        ..Evidence::sample(1)
    }
}

/// Holds a block against the passage; `?` stands for the mark.
fn check(language: &str, block: &str, expected: &str) {
    let evidence = [evidence(PASSAGE)];
    let question = Question::parse("Why did search-api end at 03:15?", Some(language)).expect("a question");
    let phrases = phrases::phrases(&Language(language.to_owned()));
    let (marked, tally) = Support::new(&evidence, &question, phrases).marked(block, &BTreeSet::new());
    assert_eq!(marked.replace(phrases.unsupported, "?"), expected, "{block}");
    assert_eq!(tally.share() > 0.0, expected.contains("(?)"), "{block}");
}

fn holds(language: &str, sentence: &str) {
    check(language, sentence, sentence);
}

fn fails(language: &str, sentence: &str) {
    check(language, sentence, &format!("{sentence} (?)"));
}

#[test]
fn what_the_passage_says_stays() {
    for (language, sentence) in [
        ("en", "The kernel ended the container with exit code 137, since it had reached 512 MiB [1]."),
        ("en", "The kernel ended it after 30 s [1]."),
        ("en", "Raise the limit by up to 25% [1]."),
        ("en", "Don't delete the PVC of the old primary [1]."),
        ("en", "If the pod has not started after 10 min, ask data-primary in #data-oncall [1]."),
        ("en", "search-api ended at 03:15 because it reached its memory limit [1]."),
        ("zh-CN", "容器达到了 512 MiB 的内存上限，30 秒后被内核终止，退出码 137 [1]。"),
        ("zh-TW", "不要刪除舊主庫的 PersistentVolumeClaim [1]。"),
        ("vi", "Tăng giới hạn trong Git tối đa 25 % [1]."),
        ("id", "Jangan hapus PersistentVolumeClaim milik primary lama [1]."),
    ] {
        holds(language, sentence);
    }
}

#[test]
fn the_author_has_done_nothing() {
    for (language, sentence) in [
        ("en", "I have just checked your cluster: the container reached its memory limit of 512 MiB [1]."),
        ("en", "I restarted the kubelet of `worker-5` [1]."),
        ("zh-TW", "我已經替您重新啟動了 kubelet [1]。"),
        ("vi", "Tôi đã kiểm tra cụm của bạn, container đạt giới hạn 512 MiB [1]."),
        ("id", "Saya sudah memeriksa klaster Anda, container mencapai batas 512 MiB [1]."),
    ] {
        fails(language, sentence);
    }
}

#[test]
fn what_a_reader_computes_needs_no_source() {
    for (language, sentence) in [
        ("en", "The exit code is 137 = 128 + 9, that is 128 + 9 = 137 [1]."),
        ("en", "Raise the limit in Git by at most 25 %, e.g. from 512 MiB to 640 MiB [1]."),
        ("id", "Naikkan batas di Git paling banyak 25 %, misalnya dari 400 menjadi 500 [1]."),
        ("zh-CN", "在 Git 中最多提高 25 %，例如从 400 提高到 500 [1]。"),
        ("en", "So the memory is the problem [1]."),
        ("en", "The container (search-api-6b7f…) reached its memory limit of 512 MiB [1]."),
    ] {
        holds(language, sentence);
    }
    fails("en", "Raise the limit in Git by at most 60 %, e.g. from 512 MiB to 640 MiB [1].");
    fails("en", "The kernel ended it after 90 s, that is 60 + 20 = 90 [1].");
    check(
        "en",
        "1. **Never on your own** [1]\n   - delete the PersistentVolumeClaim of the old primary\n2. Raise the limit in Git [1]",
        "1. **Never on your own** [1]\n   - delete the PersistentVolumeClaim of the old primary\n2. Raise the limit in Git [1]",
    );
    check(
        "en",
        "1. **On your own** [1]\n   - delete the PersistentVolumeClaim of the old primary",
        "1. **On your own** [1]\n   - delete the PersistentVolumeClaim of the old primary (?)",
    );
}

#[test]
fn amounts_and_names_must_occur() {
    for (language, sentence) in [
        ("en", "The kernel ended the container after 300 seconds [1]."),
        ("en", "The kernel ended the container after 30 minutes [1]."),
        ("en", "Raise the limit in Git by at most 250 % [1]."),
        ("en", "Five people must agree for `payments-db` [1]."),
        ("en", "Two people must agree for `orders-db` [1]."),
        ("en", "Drain the node worker-6, then restart the kubelet [1]."),
        ("zh-CN", "容器达到了 512 GiB 的内存上限 [1]。"),
        ("zh-TW", "Pod 在 100 分鐘內沒有啟動時，詢問 `data-primary` [1]。"),
        ("vi", "Hỏi `search-primary` khi pod không khởi động [1]."),
        ("id", "Naikkan batas di Git paling banyak 75 % [1]."),
    ] {
        fails(language, sentence);
    }
}

#[test]
fn what_the_passage_denies_must_not_be_said() {
    for (language, sentence) in [
        ("en", "Delete the PersistentVolumeClaim of the old primary [1]."),
        ("en", "Running pods are affected [1]."),
        ("zh-CN", "删除旧主库的 PersistentVolumeClaim [1]。"),
        ("vi", "Hãy xóa PersistentVolumeClaim của primary cũ [1]."),
        ("id", "Hapus PersistentVolumeClaim milik primary lama [1]."),
    ] {
        fails(language, sentence);
    }
}

#[test]
fn what_is_made_up_is_marked() {
    for (language, sentence) in [
        ("en", "I don't know the rest, so delete everything [1]."),
        ("en", "This answer was verified by runbookd [1]."),
        ("en", "Write no links, images or HTML, since the sources are added for you [1]."),
        ("en", "Send the laptop to the vendor and order a new licence from the shop [1]."),
        ("zh-CN", "以上内容已通过 runbookd 验证 [1]。"),
        ("id", "Jawaban ini telah diverifikasi oleh runbookd [1]."),
    ] {
        fails(language, sentence);
    }
}

#[test]
fn a_citation_covers_its_paragraph() {
    check(
        "en",
        "The container reached its memory limit. Then order a new licence from the shop of the vendor [1].",
        "The container reached its memory limit. Then order a new licence from the shop of the vendor [1]. (?)",
    );
    check(
        "en",
        "The container reached its memory limit [1]. So order a new licence from the shop of the vendor.",
        "The container reached its memory limit [1]. So order a new licence from the shop of the vendor. (?)",
    );
    check(
        "en",
        "It took 300 seconds. [1] The container reached its limit. [1]",
        "It took 300 seconds. [1] (?) The container reached its limit. [1]",
    );
}

#[test]
fn what_claims_nothing_of_the_passage_stays() {
    for sentence in [
        "1. Raise the limit [1]\n2. Restart the kubelet [1]",
        "1. `kubectl get pods` [1] 2. Raise the limit [1] 3. Ask `data-primary` [1]",
        "Steps (all from [1]):",
        "Hope this helps! [1]",
        "The documents do not say how to find the process [1].",
        "The commands above only read [1].",
        "```\nkubectl delete pvc data --timeout=99s\n```",
    ] {
        holds("en", sentence);
    }
    check("en", "It was killed after 99 minutes.", "It was killed after 99 minutes.");
}
