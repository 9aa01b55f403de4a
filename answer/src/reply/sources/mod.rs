//! Claims without a source, marked as a reader would see them: a citation covers what it stands in, what it ends and
//! what it introduces. An uncited claim between cited ones is marked; a list gets one note. Pure.
//!
//! Blocks come one by one; each is given back when nothing that follows can cover it any more. Entry points:
//! [`Sources`], and [`marked`] for a whole text. `summary.rs` tells of a block what it cites and claims, `claims.rs` of
//! a sentence whether it says something.

mod claims;
mod summary;

pub(super) use claims::claims_nothing;

use super::blocks::{Block, Blocks};
use crate::{citations, phrases::Phrases};
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};
use summary::{Kind, Summary};

/// Most bytes that wait for a citation.
const MAX_WAITING: usize = 4 << 10;

/// A block that is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The text, with its marks.
    pub text: String,
    /// Whether a blank line stands before it.
    pub after_blank: bool,
    /// The citations outside of it that cover it.
    pub covered_by: BTreeSet<usize>,
}

/// The whole text with its marks; `held` looks at each block that is decided.
pub fn marked(
    text: &str,
    phrases: &Phrases,
    urls: &[&str],
    mut held: impl FnMut(&Placed) -> String,
) -> String {
    let mut blocks = Blocks::default();
    let mut found = blocks.push(text);
    found.extend(blocks.finish());
    let mut sources = Sources::new(phrases);
    let mut placed: Vec<Placed> = Vec::new();
    for Block { text, after_blank, .. } in found {
        placed.extend(sources.push(text, after_blank, urls));
    }
    placed.extend(sources.finish());
    let mut marked = String::with_capacity(text.len());
    for block in placed {
        if !marked.is_empty() {
            marked.push_str(if block.after_blank { "\n\n" } else { "\n" });
        }
        marked.push_str(&held(&block));
    }
    marked
}

/// Blocks on their way through, in order.
pub struct Sources<'a> {
    phrases: &'a Phrases,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// Whether the sentence or heading that introduces what comes now has a citation.
    is_introduced: bool,
    /// The citations of that sentence or heading.
    introduction: BTreeSet<usize>,
    /// The citations of the heading above, which cover its section.
    heading: BTreeSet<usize>,
    /// All citations so far, which cover a summary.
    so_far: BTreeSet<usize>,
    /// Whether the last block was an item.
    in_list: bool,
    /// Of the list that is open: how many items there were, and how many of them cite.
    num_items: usize,
    num_cited: usize,
}

/// A block that waits.
struct Waiting {
    text: String,
    after_blank: bool,
    /// Its place in its list, as a reader counts it.
    item: Option<usize>,
    /// The numbers that it cites.
    cited: BTreeSet<usize>,
    cites: bool,
    /// Where its uncovered claims end.
    claims: Vec<usize>,
    /// The citations outside of it that cover it.
    covered_by: BTreeSet<usize>,
}

impl<'a> Sources<'a> {
    /// Marks with these phrases.
    pub fn new(phrases: &'a Phrases) -> Self {
        Self {
            phrases,
            waiting: Vec::new(),
            waiting_bytes: 0,
            is_introduced: false,
            introduction: BTreeSet::new(),
            heading: BTreeSet::new(),
            so_far: BTreeSet::new(),
            in_list: false,
            num_items: 0,
            num_cited: 0,
        }
    }

    /// The texts that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|waiting| waiting.text.as_str())
    }

    /// Takes the next block; returns those that are decided. A text with one of `urls` has a source.
    pub fn push(&mut self, text: String, after_blank: bool, urls: &[&str]) -> Vec<Placed> {
        let summary = Summary::of(&text, self.phrases, urls);
        let mut placed = Vec::new();
        let was_in_list = std::mem::replace(&mut self.in_list, summary.item.is_some());
        if was_in_list && summary.item.is_none() {
            self.end_list();
        }
        let mut claims = summary.claims;
        let item = summary.item.map(|number| {
            if !was_in_list {
                (self.num_items, self.num_cited) = (0, 0);
            }
            self.num_items += 1;
            number.unwrap_or(self.num_items)
        });
        let cited = citations::resolve(&text, |n| n > 0).cited;
        let mut covered_by = BTreeSet::new();
        if !summary.cites && summary.kind != Kind::Heading && !claims.is_empty() {
            let sums_up = matches!(summary.kind, Kind::Text) && SUMMARY.is_match(&text);
            for around in [Some(&self.heading), sums_up.then_some(&self.so_far)].into_iter().flatten() {
                if !around.is_empty() {
                    claims.clear();
                    covered_by.extend(around);
                }
            }
        }
        self.so_far.extend(&cited);
        match summary.kind {
            Kind::Item => {
                if self.is_introduced {
                    claims.clear();
                    covered_by.clone_from(&self.introduction);
                }
                self.num_cited += usize::from(summary.cites);
            }
            Kind::Heading => {
                placed = self.release();
                self.is_introduced = summary.cites;
                self.introduction.clone_from(&cited);
                self.heading.clone_from(&cited);
            }
            Kind::Lone => {
                self.waiting.iter_mut().for_each(|waiting| waiting.be_covered_by(&cited));
                self.is_introduced = false;
            }
            Kind::Quotation if !summary.cites => {
                if std::mem::take(&mut self.is_introduced) {
                    claims.clear();
                    covered_by.clone_from(&self.introduction);
                }
            }
            Kind::Text | Kind::Quotation if summary.cites => {
                if REASON.is_match(&text)
                    && let Some(answer) = self.waiting.last_mut().filter(|last| last.item.is_none())
                {
                    answer.be_covered_by(&cited);
                }
                placed = self.release();
                self.is_introduced = summary.introduces;
                self.introduction.clone_from(&cited);
            }
            Kind::Text | Kind::Quotation => self.is_introduced = false,
            Kind::Verbatim => {}
        }
        self.waiting_bytes += text.len();
        self.waiting.push(Waiting {
            text,
            after_blank,
            item,
            cited,
            cites: summary.cites,
            claims,
            covered_by,
        });
        let is_decided = self.waiting.iter().all(|waiting| waiting.claims.is_empty());
        if is_decided || self.waiting_bytes > MAX_WAITING {
            placed.extend(self.release());
        }
        placed
    }

    /// The blocks that still wait when the text has ended.
    pub fn finish(&mut self) -> Vec<Placed> {
        if self.in_list {
            self.end_list();
        }
        self.release()
    }

    /// A list whose only citation ends it is covered by it.
    fn end_list(&mut self) {
        let ends_cited = self.waiting.last().is_some_and(|last| last.item.is_some() && last.cites);
        if ends_cited && self.num_cited == 1 {
            let cited = self.waiting.last().map(|last| last.cited.clone()).unwrap_or_default();
            let items = self.waiting.iter_mut().rev().take_while(|waiting| waiting.item.is_some());
            items.for_each(|waiting| waiting.be_covered_by(&cited));
        }
    }

    /// Gives out what waits, with its marks: one for each claim, and one for all items of a list.
    fn release(&mut self) -> Vec<Placed> {
        self.waiting_bytes = 0;
        let mut placed: Vec<Placed> = Vec::new();
        let waiting = std::mem::take(&mut self.waiting);
        for group in waiting.chunk_by(|one, next| one.item.is_some() && next.item.is_some()) {
            let uncovered: Vec<&Waiting> =
                group.iter().filter(|waiting| !waiting.claims.is_empty()).collect();
            let one_note = uncovered.len() > 1;
            for Waiting { text, after_blank, claims, covered_by, .. } in group {
                let mut text = text.clone();
                for end in claims.iter().rev().filter(|_| !one_note) {
                    text.insert_str(*end, &format!(" ({})", self.phrases.uncited));
                }
                placed.push(Placed { text, after_blank: *after_blank, covered_by: covered_by.clone() });
            }
            if one_note {
                let numbers = uncovered.iter().filter_map(|waiting| waiting.item);
                let text = format!("({})", self.phrases.uncited_items(numbers));
                placed.push(Placed { text, after_blank: true, covered_by: BTreeSet::new() });
            }
        }
        placed
    }
}

impl Waiting {
    /// Takes citations outside of it for its own.
    fn be_covered_by(&mut self, cited: &BTreeSet<usize>) {
        self.claims.clear();
        self.covered_by.extend(cited);
    }
}

/// How a sentence begins that sums up what was said.
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)^[\W_]*(?: (?:in\ (?:short|brief|summary|a\ nutshell|one\ sentence|other\ words) | to\ (?:summari[sz]e|sum\ up|recap|conclude)
        | (?:the\ )?bottom\ line | tl;?\ ?dr | summary | recap | overall | conclusion | key\ takeaway s?
        | tóm\ lại | tóm\ tắt | nói\ (?:ngắn\ gọn|tóm\ lại) | kết\ luận
        | singkatnya | ringkasnya | ringkasan | intinya | kesimpulan(?:nya)?) \b
        | 总之 | 總之 | 总结 | 總結 | 小结 | 小結 | 简而言之 | 簡而言之 | 简言之 | 簡言之 | 一句话 | 一句話 | 综上 | 綜上 | 结论 | 結論 )",
    )
    .expect("the pattern is valid")
});

/// How a paragraph begins that gives the reason of the one before.
static REASON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)^[\W_]*(?: (?:why | reason s? | the\ reason | because | background | explanation | details | lý\ do | vì\ sao | tại\ sao | giải\ thích
        | alasan(?:nya)? | sebab(?:nya)? | mengapa | kenapa | penjelasan) \b | 原因 | 理由 | 为什么 | 為什麼 | 因为 | 因為 | 说明 | 說明 | 依据 | 依據 )",
    )
    .expect("the pattern is valid")
});

#[cfg(test)]
mod tests {
    use super::*;
    use kb::question::Language;

    /// `?` stands for the mark of one claim, `? 1, 2` for that of items.
    fn check(text: &str, expected: &str) {
        for tag in ["en", "vi"] {
            let phrases = crate::phrases::phrases(&Language(tag.to_owned()));
            let urls = ["https://wiki.example.com/drain"];
            let mut found = marked(text, phrases, &urls, |placed| placed.text.clone());
            for items in [vec![1, 2], vec![2, 3], vec![1, 2, 3], vec![1, 3]] {
                let written: Vec<String> = items.iter().map(usize::to_string).collect();
                let short = format!("? {}", written.join(", "));
                found = found.replace(&phrases.uncited_items(items.iter().copied()), &short);
            }
            assert_eq!(found.replace(phrases.uncited, "?"), expected, "{tag}: {text}");
        }
    }

    fn stays(text: &str) {
        check(text, text);
    }

    #[test]
    fn claims_without_a_citation_are_marked() {
        check("The container was killed by the kernel.", "The container was killed by the kernel. (?)");
        check(
            "Error: the container was killed [1].\nSolution: raise the memory limit now.",
            "Error: the container was killed [1].\nSolution: raise the memory limit now. (?)",
        );
        check("馬上把整個叢集刪掉。", "馬上把整個叢集刪掉。 (?)");
        check(
            "Look at containers[0] of the failing workload.",
            "Look at containers[0] of the failing workload. (?)",
        );
        check(
            "The kernel wrote `oom [1]` into its own log.",
            "The kernel wrote `oom [1]` into its own log. (?)",
        );
        check("```x``` is what the container has written.", "```x``` is what the container has written. (?)");
        check(
            "The kernel killed the container now.\n\nRaise the limit of it [1].",
            "The kernel killed the container now. (?)\n\nRaise the limit of it [1].",
        );
    }

    #[test]
    fn wishes_and_introduced_quotations_need_no_source() {
        stays("Only with the approval of the owner [1].\n\nChúc bạn trực ca thuận lợi, mọi việc suôn sẻ!");
        stays("Only with the approval of the owner [1].\n\nHave a quiet rest of your shift.");
        stays("Only with the approval of the owner [1].\n\nSemoga shift Anda berjalan lancar.");
        stays("只有在負責人同意之後才可以 [1]。\n\n祝值班順利，一切平安，早點休息。");
        stays(
            "No, and the runbook is explicit about it [1]:\n\n> Do not silence the alert. It sends customers to pods.",
        );
        check(
            "No, and the runbook is explicit about it [1]:\n\n> Do not silence the alert.\n\nRestart all of the pods now.",
            "No, and the runbook is explicit about it [1]:\n\n> Do not silence the alert.\n\nRestart all of the pods now. (?)",
        );
        check("> Do not silence the alert of it.", "> Do not silence the alert of it. (?)");
    }

    #[test]
    fn a_reader_sees_what_covers_a_claim() {
        // A heading covers its section, and no other.
        check(
            "### Is it urgent? [1]\n\nIt can wait until the next morning, as nothing is lost.\n\n### And then\n\nDelete the volume of the pod.",
            "### Is it urgent? [1]\n\nIt can wait until the next morning, as nothing is lost.\n\n### And then\n\nDelete the volume of the pod. (?)",
        );
        // A summary repeats what stands above; where nothing is cited, it is a claim.
        stays("The dependency is down [1].\n\n*In short: fix the dependency, leave the pods alone.*");
        stays("The dependency is down [1].\n\nSingkatnya, perbaiki dependensinya dan biarkan pod-nya.");
        stays("依賴的服務故障 [1]。\n\n總之，先修好依賴的服務，不要動 Pod。");
        check("In short: fix the dependency of the pods.", "In short: fix the dependency of the pods. (?)");
        // An answer, and then its reason.
        stays(
            "Don't delete it while migrate is running.\n\n**Why:** the pod holds the lock of the database [1].",
        );
        stays("Jangan hapus Job itu selama migrasi berjalan.\n\nAlasannya: pod memegang kunci [1].");
        // Signs in front of items.
        stays(
            "Three have to agree [1]:\n\n☐ the owner of the service\n\n☐ the database team on duty\n\n• the incident commander",
        );
        // What the author cannot see.
        stays("I can't see your cluster, but here is where I'd start.\n\nLook at the pod [1].");
        stays(
            "I don't have access to your cluster, so I can't tell which one it is.\n\nLook at the pod [1].",
        );
        check(
            "I can't see your cluster, so delete the namespace of it.\n\nLook at the pod [1].",
            "I can't see your cluster, so delete the namespace of it. (?)\n\nLook at the pod [1].",
        );
        stays("Tôi không thể truy cập cụm của bạn.\n\nXem pod [1].");
        stays("我無法存取你的叢集，所以只能依文件說明。\n\n查看 Pod [1]。");
    }

    #[test]
    fn what_stands_between_cited_claims_is_marked() {
        check(
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod\n3. Wait for the new pod [1]",
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod (?)\n3. Wait for the new pod [1]",
        );
        check(
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod\n3. Wipe the disk of the node\n4. Wait for it [1]",
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod\n3. Wipe the disk of the node\n4. Wait for it [1]\n\n(? 2, 3)",
        );
        check(
            "It was killed by the kernel [1].\n\nSo delete the whole cluster now.\n\nThen wait for it [1].",
            "It was killed by the kernel [1].\n\nSo delete the whole cluster now. (?)\n\nThen wait for it [1].",
        );
        check(
            "1. Do this [1]:\n   - look at the log of the pod\n2. Delete all volumes of the shop\n3. Wait for it [2]",
            "1. Do this [1]:\n   - look at the log of the pod\n2. Delete all volumes of the shop (?)\n3. Wait for it [2]",
        );
    }

    #[test]
    fn a_list_has_one_note() {
        check(
            "Steps:\n1. Look at the log of the pod\n2. Delete the volume of the pod\n3. Wait for the new pod of it",
            "Steps:\n1. Look at the log of the pod\n2. Delete the volume of the pod\n3. Wait for the new pod of it\n\n(? 1, 2, 3)",
        );
        check(
            "- Look at the log of the pod\n- Delete it\n- Wait for the new pod of it\n\nIt is fine [1].",
            "- Look at the log of the pod\n- Delete it\n- Wait for the new pod of it\n\n(? 1, 3)\n\nIt is fine [1].",
        );
        check(
            "1. Look [1]\n2. Verify:\n   - the pods of the shop are ready\n   - the nodes of the pool are ready\n3. Done [1]",
            "1. Look [1]\n2. Verify: (?)\n   - the pods of the shop are ready\n   - the nodes of the pool are ready\n3. Done [1]",
        );
    }

    #[test]
    fn a_citation_covers_what_it_ends() {
        stays("1. Look at the log of the pod\n2. Raise the limit of the pod\n3. Wait for the new pod [1]");
        stays(
            "The disk of the node is too slow.\n\n1. Look at the log of it\n2. Stop the backup on the node\n\n[1]",
        );
        stays("- Look at the log of the pod\n- Wait for the new pod of it\n\nSource: [1]");
        stays(
            "Error: The Deployment was scaled a moment ago.\nSolution: Wait two minutes; it settles. [1][2]",
        );
        stays("Error: 两个 Pod 尚未就绪，Service 没有端点。\nSolution: 1. 查看事件；2. 检查探针与日志。[1]");
        stays(
            "1. Stop what competes for the disk.\n   It needs low latency and a disk of its own [1].\n2. Wait for it [1]",
        );
        stays("Look at the disk of the node. It is slow, and others write to it [1].");
    }

    #[test]
    fn a_citation_covers_what_it_introduces() {
        stays(
            "The likely causes are [1]:\n\n- That node's disk, or a neighbour\n- Storage backend, snapshot or backup",
        );
        stays(
            "Steps (all from [1]):\n\n1. Stop what competes for the disk\n2. Do not restart the members of it",
        );
        stays("可能的原因 [1]：\n\n- 節點的磁碟太慢，或鄰居在寫入\n- 備份或快照正在執行");
        stays(
            "Check the following, in order [1].\n\n- The disk of the node, or a neighbour of it\n- Storage backend, snapshot or backup",
        );
        stays(
            "**Possible causes** [1]\n\n- The disk of the node, or a neighbour of it\n- Storage backend, snapshot or backup",
        );
        stays(
            "Lakukan langkah berikut [1].\n\n1. Periksa log dari pod yang gagal itu\n2. Naikkan batas memori dari pod itu",
        );
        stays("## Steps [1]\n\n1. Stop what competes for the disk\n2. Do not restart the members of it");
        stays("Các bước [1]:\n- Kiểm tra nhật ký của pod này\n- Tăng giới hạn bộ nhớ của nó");
        stays(
            "1. Check how devices are selected [1][2]:\n   - `useAllDevices: true` – all local devices\n   - devices must show up under `/dev`",
        );
        stays(
            "1. **Check the pods** [1]\n    * Look at the pods of etcd on each node.\n        * Those on the control plane come first.",
        );
        stays("依結束代碼判斷 [1]：\n   - `137`：SIGKILL，可能是記憶體不足\n   - `127`：找不到指令");
    }

    #[test]
    fn nested_items_cite_for_themselves() {
        stays("1.  Check:\n    -   Look at the log of the member for slow writes [1].");
        stays(
            "* Nested\n    * deeper item about the disk of the node [1]\n        * deepest item about the backup [1]",
        );
        stays(
            "1. Check:\n   - Look at the disk of the node [1].\n     - deeper: look at the storage backend [1].\n       - deepest: look at the log shipping [1].",
        );
    }

    #[test]
    fn what_needs_no_source_is_not_marked() {
        for text in [
            "# A heading that is quite long enough\n\n```\nkubectl get pods --all-namespaces\n```",
            "> ```\n> kubectl apply -f /tmp/some-file.yaml\n> ```",
            "Semoga membantu! 😊",
            "Hope this helps! Let me know if you need more details.",
            "Sure, here's what to do.",
            "希望对你有帮助！如有疑问，请随时告诉我。",
            "Chúc bạn thành công! Nếu cần thêm thông tin, hãy hỏi tôi.",
            "See the page: draining a node safely (https://wiki.example.com/drain).",
            "Step 3:\n    kubectl -n kube-system logs etcd-cp-1 --since=15m",
            "3. Verify:\n   - `kubectl -n kube-system get pods -l k8s-app=kube-dns`\n   - `kubectl -n karpenter logs -l app=karpenter`",
            "The documents only partly cover this.",
            "The documents show the error but not its fix; they don't describe the steps.",
            "What I could not find: how to trigger the operator again.",
            "文件沒有說明如何修復這個問題。",
            "Tài liệu không nói cách khắc phục lỗi này.",
            "Dokumen tidak menjelaskan cara memperbaikinya.",
            "| Finding | Do |\n|---|---|\n| The disk of the node is slow | stop the backup |",
        ] {
            stays(text);
        }
    }

    #[test]
    fn courtesies_hide_no_claim() {
        check(
            "Hope this helps. Delete the whole namespace of the shop.",
            "Hope this helps. Delete the whole namespace of the shop. (?)",
        );
        check(
            "Sure, and then you should delete the whole namespace of the shop at once.",
            "Sure, and then you should delete the whole namespace of the shop at once. (?)",
        );
        check("Okay, delete the namespace of the shop.", "Okay, delete the namespace of the shop. (?)");
        check(
            "It was killed by the kernel [1].\n\n1. Delete the namespace of the shop\n2. Wipe the disks of the nodes",
            "It was killed by the kernel [1].\n\n1. Delete the namespace of the shop\n2. Wipe the disks of the nodes\n\n(? 1, 2)",
        );
    }
}
