//! Sentences that are prohibitions and sentences that are not, one by one; whole documents are in
//! `tests/it/prohibitions.rs`.

use super::{of_passage, passage, sentence::forbidden};
use crate::lists::unsorted;

#[test]
fn the_lists_of_passages_are_sorted_and_unique() {
    assert_eq!(unsorted(passage::LABELS_FILE), None, "sort labels.txt");
    assert_eq!(unsorted(passage::NOES_FILE), None, "sort noes.txt");
}

/// Sentences that forbid, with one action they forbid.
const FORBIDDING: &[(&str, &str)] = &[
    ("Never touch it.", "any"),
    ("Do **not** restart this deployment.", "restart"),
    ("Please don't delete the pods.", "delete"),
    ("This deployment is not to be touched.", "any"),
    ("It must never be restarted.", "restart"),
    ("Under no circumstances restart it or delete its pods.", "delete"),
    ("Only team Settlement may restart it.", "restart"),
    ("Only the owner changes it.", "any"),
    ("Avoid restarting this deployment.", "restart"),
    ("Hands off!", "any"),
    ("This workload is off limits for the on-call.", "any"),
    ("Leave settlement-batch alone.", "any"),
    ("Treat it as read-only.", "any"),
    ("No restarts without approval of the owner.", "restart"),
    ("Restarting it without approval is a firing offence.", "restart"),
    ("Nobody but Settlement Core touches it.", "any"),
    ("You should not restart it by hand.", "restart"),
    ("It should not be restarted while the run is active.", "restart"),
    ("Restarts are strictly forbidden.", "restart"),
    ("Operators are not allowed to scale it.", "scale"),
    ("A restart needs the approval of payments-primary.", "restart"),
    ("Ask Settlement Core before you restart it.", "restart"),
    ("While the run is active do not touch it", "any"),
    ("It cannot be restarted without data loss, so don't restart it.", "restart"),
    ("It is not safe to delete the pods.", "delete"),
    ("Keep your hands off.", "any"),
    ("Refrain from editing it.", "edit"),
    ("Do not defragment the members.", "restore"),
    ("Do not mothball it.", "mothball"),
    ("Nobody is to lay a finger on this deployment.", "any"),
    ("If the pod looks stuck, resist restarting it and page Settlement.", "restart"),
    ("Any restart must be cleared with Settlement first.", "restart"),
    ("Touching this deployment requires two signatures.", "any"),
    ("Please do not, under any circumstances, restart it.", "restart"),
    ("A restart must be done by Settlement.", "restart"),
    ("Do not interfere.", "any"),
    ("其他人一律不得插手。", "any"),
    ("重启前请联系清算组。", "restart"),
    ("The deployment may be modified by Settlement only.", "edit"),
    ("Restarts are Settlement's call, not yours.", "restart"),
    ("The following must never be done: restarting, draining the node, deleting the pod.", "delete"),
    ("不要重启这个部署。", "restart"),
    ("不得删除其 Pod。", "delete"),
    ("禁止任何操作！", "any"),
    ("切勿触碰。", "any"),
    ("严禁重启或删除。", "delete"),
    ("请勿修改该部署", "edit"),
    ("不可擅自重启", "restart"),
    ("不能重启它，否则数据会丢失", "restart"),
    ("只有清算团队才可以操作它。", "any"),
    ("仅限清算团队重启。", "restart"),
    ("避免重启该部署。", "restart"),
    ("未经负责人批准，不得重启。", "restart"),
    ("千万别动它", "any"),
    ("任何人都不能动它", "any"),
    ("請勿重新啟動這個部署", "restart"),
    ("嚴禁刪除 Pod", "delete"),
    ("任何人都不得更動這個部署", "any"),
    ("只有 Settlement Core 能更動它", "any"),
    ("不要碰這個部署", "any"),
    ("避免重啟", "restart"),
    ("絕對不要縮放它", "scale"),
    ("Không được khởi động lại deployment này.", "restart"),
    ("Đừng đụng vào nó.", "any"),
    ("Cấm xóa các pod của nó.", "delete"),
    ("Tránh khởi động lại deployment này.", "restart"),
    ("Không nên sửa deployment này.", "edit"),
    ("Chỉ đội Settlement mới được khởi động lại.", "restart"),
    ("Tuyệt đối không động vào.", "any"),
    ("Không ai được phép xóa nó.", "delete"),
    ("Để yên deployment này.", "any"),
    ("Không được phép động đến deployment này dưới bất kỳ hình thức nào.", "any"),
    ("Jangan sentuh deployment ini.", "any"),
    ("Dilarang me-restart deployment ini.", "restart"),
    ("Deployment ini tidak boleh dihapus.", "delete"),
    ("Hindari merestart deployment ini.", "restart"),
    ("Hanya tim Settlement yang boleh merestart.", "restart"),
    ("Biarkan saja berjalan.", "any"),
    ("Tidak seorang pun boleh mengubahnya.", "edit"),
    ("Jangan restart tanpa persetujuan pemilik.", "restart"),
];

/// Negations that forbid nothing.
const HARMLESS: &[&str] = &[
    "Do not worry, it recovers by itself.",
    "If it does not start, look at the events.",
    "The pod does not restart.",
    "The pods do not restart on their own.",
    "You do not need to restart it.",
    "This was never seen before.",
    "The probe never succeeds during the run.",
    "Do not hesitate to call the owner.",
    "If you cannot reach the owner, page the duty manager.",
    "The volume cannot be mounted.",
    "No restart is needed.",
    "No pods were deleted.",
    "pods \"web\" is forbidden: exceeded quota: compute-quota",
    "The API server answers 403 Forbidden.",
    "The file system is read-only.",
    "To avoid downtime, raise the replica count.",
    "Nobody knows why it happens.",
    "It is not ready yet.",
    "Only one replica may be running.",
    "The name must not exceed 63 characters.",
    "Why does it not start?",
    "There is no need to restart anything.",
    "不要紧，它会自己恢复。",
    "不要担心，它会自己恢复。",
    "如果 Pod 不能启动，请查看事件。",
    "该节点不可用。",
    "无需重启。",
    "为避免数据丢失，请先做快照。",
    "要不要重启由负责人决定。",
    "返回 403 禁止访问。",
    "不要擔心，它會自己恢復。",
    "不得不等待清算完成。",
    "Không sao, nó sẽ tự phục hồi.",
    "Đừng lo, nó tự hồi phục.",
    "Nếu pod không khởi động được, hãy xem log.",
    "Pod không được lên lịch.",
    "Không cần khởi động lại.",
    "Để tránh mất dữ liệu, hãy chụp snapshot.",
    "Jangan khawatir, ini pulih sendiri.",
    "Jika pod tidak bisa berjalan, lihat log.",
    "Tidak perlu merestart.",
    "Jangan ragu menghubungi pemilik.",
    "Untuk menghindari kehilangan data, buat snapshot.",
];

#[test]
fn sentences_that_forbid_are_found() {
    let mut lost = Vec::new();
    for (sentence, action) in FORBIDDING {
        match forbidden(&sentence.replace("**", "")) {
            Some(found) if action.is_empty() || found.actions.contains(*action) => {}
            other => lost.push((sentence, action, other.map(|found| found.actions))),
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn negations_that_forbid_nothing_are_not() {
    let found: Vec<_> =
        HARMLESS.iter().filter_map(|sentence| Some((sentence, forbidden(sentence)?))).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The prohibitions of a passage, a line each.
fn check(heading: Option<&str>, markdown: &str, expected: &[&str]) {
    let headings: Vec<String> = heading.into_iter().map(str::to_owned).collect();
    let found: Vec<String> =
        of_passage(&headings, markdown).into_iter().map(|prohibition| prohibition.text).collect();
    assert_eq!(found, expected, "{markdown}");
}

#[test]
fn every_shape_of_a_passage_is_read() {
    check(None, "It nets payments. **Never restart it.** Look first.", &["Never restart it."]);
    check(None, "Restart it? Never. Page the owner.", &["Restart it? Never."]);
    check(None, "重启？绝对不行。", &["重启？ 绝对不行。"]);
    check(None, "> Never touch it.\n", &["Never touch it."]);
    check(None, "1. Look at it.\n2. Never restart it.\n3. Page the owner.\n", &["Never restart it."]);
    check(
        Some("Do not touch"),
        "The batch nets payments. It runs at night.",
        &["Do not touch: The batch nets payments."],
    );
    check(None, "## Do not touch\n\nThe batch.\n\n## Steps\n\n1. Look.\n", &["Do not touch: The batch."]);
    check(
        None,
        "Never do any of these:\n\n- restart it\n- delete its pods\n\nThen wait.",
        &["Never do any of these: restart it; delete its pods"],
    );
    check(None, "**Danger:**\n\nDo not touch it.\n", &["Do not touch it."]);
    check(None, "**Do not touch**\nThe batch runs.\n", &["Do not touch: The batch runs."]);
    check(None, "> **Caution:**\n> Data is lost.\n", &["Data is lost."]);
    check(None, "> [!CAUTION]\n> Data is lost.\n", &["Data is lost."]);
    check(None, "Warning: data is lost.\n", &["data is lost."]);
    check(None, "**Warning:** Data is lost.\n", &["Data is lost."]);
    check(
        None,
        "| What | Do |\n|---|---|\n| `NotReady` | Page. Do not reboot |\n",
        &["`NotReady` — Do not reboot"],
    );
    check(None, "```sh\n# never delete this\nkubectl get pods\n```\n", &["never delete this"]);
}

#[test]
fn actions_are_those_of_the_clause() {
    for (sentence, actions) in [
        ("Do not restart, scale, edit, roll back or delete it.", "delete edit restart rollback scale"),
        ("Never delete the volume; scale down first.", "delete"),
        ("Restart the pod, but do not delete the volume.", "delete"),
        ("Do not restart it, call the owner instead.", "restart"),
        ("不要重启、缩容或删除它，先联系负责人再处理。", "delete restart scale"),
    ] {
        let found = forbidden(sentence).map(|found| found.actions.into_iter().collect::<Vec<_>>().join(" "));
        assert_eq!(found.as_deref(), Some(actions), "{sentence}");
    }
}

#[test]
fn objects_are_named() {
    let of =
        |text: &str| of_passage(&[], text).into_iter().flat_map(|found| found.objects).collect::<Vec<_>>();
    assert_eq!(of("Do not delete the PVC."), ["storage"]);
    assert_eq!(of("Do not restart `payments-db`."), ["payments-db"]);
    assert_eq!(of("Never touch it."), Vec::<String>::new());
}

#[test]
fn advice_is_told_from_what_is_not() {
    for (sentence, actions) in [
        ("Restart it and delete its pods, that is safe [1].", "delete restart"),
        ("1. Restart it [1]", "restart"),
        ("You can safely restart it.", "restart"),
        ("A restart is safe.", "restart"),
        ("Restarting it helps.", "restart"),
        ("It should be restarted.", "restart"),
        ("Roll the deployment back to the previous revision.", "rollback"),
        ("Coba restart deployment-nya [1].", "restart"),
        ("Ask Settlement Core whether it can be restarted.", ""),
        ("Dokumen melarang merestart deployment ini [1].", ""),
        ("Do not restart it.", ""),
        ("Never touch or restart it [1].", ""),
        ("A restart loses everything.", ""),
        ("The pod was restarted by the kubelet.", ""),
        ("Only Settlement Core may restart it.", ""),
        ("Can I restart it?", ""),
        ("Look at the restart count.", ""),
        ("Run `kubectl rollout restart deployment/web`.", "restart"),
        ("重启它并删除它的 Pod，这是安全的 [1]", "delete restart"),
        ("重啟它並刪除它的 Pod，這是安全的 [1]", "delete restart"),
        ("不要重启它", ""),
        ("查看重启次数", ""),
        ("Hãy khởi động lại nó và xóa các pod của nó, việc đó an toàn [1].", "delete restart"),
        ("Đừng khởi động lại nó.", ""),
        ("Restart saja dan hapus pod-nya, itu aman [1].", "delete restart"),
        ("Jangan merestart deployment ini.", ""),
    ] {
        let found = super::advised(sentence).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(found, actions, "{sentence}");
    }
}
