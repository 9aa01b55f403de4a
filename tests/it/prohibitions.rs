//! What a document forbids about its object is said first, in every form of an answer and whoever wrote it, and advice that
//! contradicts it is taken out: wordings in the languages that users write, through the whole path.

use crate::harness::{Script, ScriptedLlm, Setup, TestApp, build};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc};

/// A language, how k8sgpt names it, the label of a warning, and the contradicting reply.
const LANGUAGES: [(&str, &str, &str, &str); 5] = [
    ("en", "english", "WARNING", "restart it and delete its pods, that is safe [1]"),
    ("zh-Hans", "Simplified Chinese", "警告", "重启它并删除它的 Pod，这样是安全的 [1]"),
    ("zh-Hant", "Traditional Chinese", "警告", "重新啟動它並刪除它的 Pod，這樣是安全的 [1]"),
    ("vi", "vietnamese", "CẢNH BÁO", "hãy khởi động lại nó và xóa các pod của nó, việc đó an toàn [1]"),
    ("id", "indonesian", "PERINGATAN", "restart saja dan hapus pod-pod-nya, itu aman [1]"),
];

/// Sentences that forbid.
const FORBIDDING: &[(&str, &str)] = &[
    ("en", "Never touch it."),
    ("en", "Do not restart this deployment."),
    ("en", "This deployment is not to be touched."),
    ("en", "It must never be restarted."),
    ("en", "Under no circumstances may anyone restart it."),
    ("en", "Only team Settlement may restart it."),
    ("en", "Nobody but the owner touches this workload."),
    ("en", "Avoid restarting it."),
    ("en", "Hands off this deployment!"),
    ("en", "It is off limits for the on-call."),
    ("en", "Leave this deployment alone."),
    ("en", "Treat it as read-only."),
    ("en", "No restarts without the approval of Settlement."),
    ("en", "You should not restart it by hand."),
    ("en", "Restarting it is strictly forbidden."),
    ("zh-Hans", "不要重启这个部署。"),
    ("zh-Hans", "不得对它做任何操作。"),
    ("zh-Hans", "禁止重启。"),
    ("zh-Hans", "切勿触碰该部署。"),
    ("zh-Hans", "严禁重启或删除它的 Pod。"),
    ("zh-Hans", "请勿重启该部署。"),
    ("zh-Hans", "不可擅自重启。"),
    ("zh-Hans", "不能重启它，否则数据会丢失。"),
    ("zh-Hans", "只有清算团队才可以重启它。"),
    ("zh-Hans", "仅限清算团队操作。"),
    ("zh-Hans", "避免重启这个部署。"),
    ("zh-Hans", "未经负责人批准，任何人不得重启。"),
    ("zh-Hans", "千万别动它。"),
    ("zh-Hant", "不要重新啟動這個部署。"),
    ("zh-Hant", "任何人都不得更動這個部署。"),
    ("zh-Hant", "禁止重啟。"),
    ("zh-Hant", "切勿觸碰它。"),
    ("zh-Hant", "嚴禁刪除它的 Pod，也嚴禁重啟。"),
    ("zh-Hant", "請勿重啟該部署。"),
    ("zh-Hant", "不可擅自重啟。"),
    ("zh-Hant", "只有清算組才能重啟它。"),
    ("zh-Hant", "避免重啟這個部署。"),
    ("zh-Hant", "別動這個部署。"),
    ("zh-Hant", "未經核准不得重啟。"),
    ("vi", "Không được khởi động lại deployment này."),
    ("vi", "Đừng đụng vào deployment này."),
    ("vi", "Nghiêm cấm khởi động lại."),
    ("vi", "Tránh khởi động lại deployment này."),
    ("vi", "Không nên khởi động lại deployment này."),
    ("vi", "Chỉ đội Settlement mới được khởi động lại."),
    ("vi", "Tuyệt đối không động vào."),
    ("vi", "Không ai được phép khởi động lại nó."),
    ("vi", "Hãy để yên deployment này."),
    ("vi", "Vui lòng không khởi động lại."),
    ("vi", "Không khởi động lại khi chưa có phê duyệt."),
    ("id", "Jangan sentuh deployment ini."),
    ("id", "Dilarang keras me-restart deployment ini."),
    ("id", "Deployment ini tidak boleh direstart."),
    ("id", "Hindari merestart deployment ini."),
    ("id", "Hanya tim Settlement yang boleh merestart deployment ini."),
    ("id", "Biarkan saja deployment ini berjalan."),
    ("id", "Tidak seorang pun boleh menyentuhnya."),
    ("id", "Jangan pernah merestart deployment ini."),
    ("id", "Dilarang merestart tanpa persetujuan pemilik."),
    ("id", "Restart tidak diizinkan."),
    ("id", "Deployment ini tidak untuk diutak-atik."),
];

/// Negations that forbid nothing.
const HARMLESS: &[(&str, &str)] = &[
    ("en", "Do not worry, it recovers by itself."),
    ("en", "If it does not start, look at the events."),
    ("en", "The pod does not restart."),
    ("en", "The pods do not become ready during the run."),
    ("en", "You do not need to restart it."),
    ("en", "This was never seen before."),
    ("en", "Do not hesitate to call the owner."),
    ("en", "If you cannot reach the owner, page the duty manager."),
    ("en", "The volume cannot be mounted."),
    ("en", "No restart is needed."),
    ("en", "The API server answers 403 Forbidden."),
    ("en", "To avoid downtime the run has a standby."),
    ("zh-Hans", "不要紧，它会自己恢复。"),
    ("zh-Hans", "不要担心，它会自己恢复。"),
    ("zh-Hans", "如果 Pod 不能启动，请查看事件。"),
    ("zh-Hans", "该节点不可用。"),
    ("zh-Hans", "无需重启。"),
    ("zh-Hans", "为避免数据丢失，系统会先做快照。"),
    ("zh-Hans", "副本数不会变化。"),
    ("zh-Hant", "不要緊，它會自己恢復。"),
    ("zh-Hant", "不要擔心，它會自己恢復。"),
    ("zh-Hant", "如果 Pod 無法啟動，請查看事件。"),
    ("zh-Hant", "這個節點不可用。"),
    ("zh-Hant", "不需要重啟。"),
    ("zh-Hant", "不得不等待清算完成。"),
    ("vi", "Không sao, nó sẽ tự phục hồi."),
    ("vi", "Đừng lo, nó tự hồi phục."),
    ("vi", "Nếu pod không khởi động được, hãy xem log."),
    ("vi", "Pod không được lên lịch."),
    ("vi", "Không cần khởi động lại."),
    ("vi", "Để tránh mất dữ liệu, hệ thống chụp snapshot."),
    ("vi", "Replica không sẵn sàng trong lúc chạy."),
    ("id", "Jangan khawatir, ini pulih sendiri."),
    ("id", "Jika pod tidak bisa berjalan, lihat log."),
    ("id", "Tidak perlu merestart."),
    ("id", "Jangan ragu menghubungi pemilik."),
    ("id", "Untuk menghindari kehilangan data, sistem membuat snapshot."),
    ("id", "Pod tidak siap selama proses berjalan."),
    ("id", "Tidak apa-apa, ini normal."),
    ("en", "Nobody knows why it takes so long."),
];

/// The ways in which a page gives a sentence.
const SHAPES: [&str; 11] = [
    "The batch nets payments. {} Zero replicas are normal.",
    "- The batch nets payments.\n- {}\n- Zero replicas are normal.",
    "> {}",
    "**{}**",
    "> [!CAUTION]\n> {}",
    ":::danger\n\n{}\n\n:::",
    "{{< warning >}}\n{}\n{{< /warning >}}",
    "!!! danger\n    {}",
    "## {}\n\nThe batch nets payments.",
    "| What you see | Do |\n| --- | --- |\n| 0 available | {} |",
    "**Warning:** {}",
];

/// One step among many.
const AMONG_STEPS: &str =
    "1. Acknowledge the alert.\n2. Read the last log lines.\n3. {}\n4. Write a note.\n5. Page the owner.";

/// A page whose rule names its object, with the sentence in a shape.
fn write_page(folder: &Path, name: &str, sentence: &str, shape: &str) {
    let text = shape.replace("{}", sentence);
    let page = format!(
        "---\ntitle: Batch {name}\napplies_to:\n  - kind: Deployment\n    name: {name}\n---\n\n# Batch {name}\n\n\
         Owner: Settlement.\n\n## About\n\nIt runs at night.\n\n{text}\n\n## Background\n\nThe bank sends files.\n"
    );
    fs::write(folder.join(format!("{name}.md")), page).expect("a page");
}

fn failure(name: &str) -> String {
    format!("Deployment legacy/{name} has 1 replicas but 0 are available with status running")
}

/// Every sentence in one shape by turns, and as one step among many: the name of its page, its language, the sentence.
fn pages(
    sentences: &[(&'static str, &'static str)],
    folder: &Path,
) -> Vec<(String, &'static str, &'static str)> {
    let mut pages = Vec::new();
    for (at, (language, sentence)) in sentences.iter().enumerate() {
        for (prefix, shape) in [("batch-a", SHAPES[at % SHAPES.len()]), ("batch-b", AMONG_STEPS)] {
            let name = format!("{prefix}{at}");
            write_page(folder, &name, sentence, shape);
            pages.push((name, *language, *sentence));
        }
    }
    pages
}

/// What is wrong with an answer that must begin with a prohibition.
fn complaints(text: &str, warnings: &Value, label: &str, sentence: &str) -> Vec<&'static str> {
    // How a sentence ends is the layout's.
    let said = sentence.trim_end_matches(['.', '。', '!']);
    let mut complaints = Vec::new();
    let (first, rest) = (text.find(said), text.find("Error:").unwrap_or(text.len()));
    if !text.starts_with(label) {
        complaints.push("does not begin with a warning");
    }
    if first.is_none_or(|first| first > rest) {
        complaints.push("does not say it first");
    }
    if !warnings
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one.as_str().unwrap_or_default().contains(said)))
    {
        complaints.push("has no such field");
    }
    complaints
}

#[tokio::test]
async fn no_prohibition_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = pages(FORBIDDING, folder.path());
    let kb = build(&[folder.path().to_owned()]);
    let mut lost: Vec<String> = Vec::new();
    for (language, named, label, reply) in LANGUAGES {
        let own = Setup { kb: kb.path().to_owned(), ..Setup::default() }.start().await;
        let llm = ScriptedLlm::start(Script::Say(Arc::new(move |_| reply.to_owned()))).await;
        let with_llm = Setup { kb: kb.path().to_owned(), ..Setup::with_llm(&llm.base_url) }.start().await;
        for (name, _, sentence) in pages.iter().filter(|(_, of, _)| *of == language) {
            let wrong = |form: &str, answer: &Value, text: &str| -> Vec<String> {
                let found = complaints(text, &answer["warnings"], label, sentence).into_iter();
                found.map(|complaint| format!("{name} {sentence} ({form}): {complaint}: {text}")).collect()
            };
            let short = own.k8sgpt(&failure(name), named).await;
            lost.extend(wrong("280 characters", &short, short["response"].as_str().unwrap_or_default()));
            let asked = ask(&own, name, named).await;
            lost.extend(wrong("quoted", &asked, asked["answer"].as_str().unwrap_or_default()));

            for (form, answer, text) in [
                ("model, 280 characters", with_llm.k8sgpt(&failure(name), named).await, "response"),
                ("model", ask(&with_llm, name, named).await, "answer"),
            ] {
                let text = answer[text].as_str().unwrap_or_default();
                lost.extend(wrong(form, &answer, text));
                let advice = reply.split([',', '，']).next().unwrap_or_default();
                let confidence = answer["confidence"].as_f64().unwrap_or(1.0);
                if text.contains(advice) || answer["status"] != "partial" || confidence > 0.5 {
                    lost.push(format!("{name} {sentence} ({form}): the advice stands: {answer}"));
                }
            }
        }
    }
    assert!(lost.is_empty(), "{} lost:\n{}", lost.len(), lost.join("\n"));
}

async fn ask(app: &TestApp, name: &str, language: &str) -> Value {
    app.post("/v1/ask", json!({ "question": failure(name), "language": language }).to_string()).await.json()
}

#[tokio::test]
async fn what_forbids_nothing_is_no_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    // A box warns by itself, whatever it says.
    let shapes: Vec<&str> = SHAPES[..4].to_vec();
    let mut pages = Vec::new();
    for (at, (language, sentence)) in HARMLESS.iter().enumerate() {
        for (prefix, shape) in [("batch-a", shapes[at % shapes.len()]), ("batch-b", AMONG_STEPS)] {
            let name = format!("{prefix}{at}");
            write_page(folder.path(), &name, sentence, shape);
            pages.push((name, *language, *sentence));
        }
    }
    let kb = build(&[folder.path().to_owned()]);
    let app = Setup { kb: kb.path().to_owned(), ..Setup::default() }.start().await;
    let mut alarms = Vec::new();
    for (name, language, sentence) in &pages {
        let (_, named, ..) = LANGUAGES.iter().find(|(tag, ..)| tag == language).expect("a language");
        let answer = ask(&app, name, named).await;
        if answer["warnings"] != json!([]) {
            alarms.push(format!("{sentence}: {}", answer["warnings"]));
        }
    }
    assert!(alarms.is_empty(), "{alarms:#?}");
}

/// A rule's document counts whole, also what stands far behind the evidence.
#[tokio::test]
async fn a_long_document_forbids_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let filler: String = (0..80)
        .map(|at| {
            format!(
                "## Topic {at}\n\n{}\n\n",
                format!("Sentence {at} tells how the batch nets payments. ").repeat(20)
            )
        })
        .collect();
    write_page(folder.path(), "batch-long", "Never delete its pods.", &format!("{filler}\n## End\n\n{{}}\n"));
    let kb = build(&[folder.path().to_owned()]);
    let llm = ScriptedLlm::start(Script::says(
        "It is down [1].\n\nDelete its pods, that is safe [1].\n\nPage the owner [1].",
    ))
    .await;
    let app = Setup { kb: kb.path().to_owned(), ..Setup::with_llm(&llm.base_url) }.start().await;
    let answer = ask(&app, "batch-long", "english").await;
    let text = answer["answer"].as_str().expect("a text");
    assert!(text.starts_with("WARNING: Never delete its pods. ["), "{text}");
    assert!(!text.contains("that is safe") && text.contains("Page the owner [1]"), "{text}");
    assert!(text.contains("(advice removed: the documents forbid it)"), "{text}");
    assert_eq!(
        (answer["answered_by"].as_str(), answer["status"].as_str()),
        (Some("llm"), Some("partial")),
        "{answer}"
    );
    assert!(llm.last_request().contains("Never delete its pods."), "the model is told");
}
