// Every prompt template of k8sgpt's, and every shape a message may have.

package k8sgpt

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8sgpt-ai/k8sgpt/pkg/ai"
	"github.com/k8sgpt-ai/k8sgpt/pkg/common"
)

const (
	dontKnow    = "I don't know"
	outOfMemory = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt"
	imagePull   = `Back-off pulling image "registry.example.com/payments/api:1.42.0"`
	offTopic    = "FlinkDeployment analytics/clickstream: savepoint s3://state/sp-91 was written by an incompatible serializer"
)

// What k8sgpt may say under each of its templates; other kinds of finding use the default one.
var underTemplate = map[string][]string{
	"default": {outOfMemory, imagePull, offTopic},
	"PrometheusConfigValidate": {
		"error validating Prometheus YAML configuration: yaml: unmarshal errors:\n  line 12: field scrape_intervall not found in type config.ScrapeConfig",
	},
	"PrometheusConfigRelabelReport": {
		"job_name:\nkubernetes-pods\nrelabel_configs:\n- source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]\n" +
			"  action: keep\n  regex: \"true\"\nkubernetes_sd_configs:\n- role: pod\n",
	},
	"PolicyReport": {
		"policy failure: require-requests-limits (message: validation error: CPU and memory resource requests and limits are required. " +
			"rule validate-resources failed at path /spec/containers/0/resources/limits/)",
	},
	"ClusterPolicyReport": {
		"policy failure: disallow-latest-tag (message: validation error: Using a mutable image tag e.g. 'latest' is not allowed.)",
	},
}

// finding's kind chooses the template; these are the kinds that do.
func kindFor(template string) string {
	if template == "default" {
		return "Pod"
	}
	return template
}

func TestEveryTemplate(t *testing.T) {
	server := serve(t)
	wire := record(t)
	for template := range ai.PromptMap {
		if template == "raw" {
			continue // TestTheTemplateOfOlderClients
		}
		messages, known := underTemplate[template]
		if !known {
			t.Errorf("k8sgpt has a template %q that this test does not know", template)
		}
		// The sample knowledge base covers this one, so that each layout is seen in an answer, not only in refusals.
		messages = append(slices.Clone(messages), outOfMemory)
		for _, language := range []string{"english", "Traditional Chinese", "Vietnamese"} {
			for at, message := range messages {
				t.Run(fmt.Sprintf("%s/%s/%d", template, language, at), func(t *testing.T) {
					asker := asker{baseURL: server.completions, language: language}
					shown := asker.explainOne(t, finding(kindFor(template), message))
					answer := wire.last(t).answer(t)
					checkSent(t, wire.last(t), template, language, message)
					if answer.Status == "unknown" && message == outOfMemory {
						t.Errorf("refused: %q", shown)
					}
					if answer.Status == "unknown" {
						if language == "english" && !strings.HasPrefix(shown, dontKnow) {
							t.Errorf("a refusal that does not begin with %q: %q", dontKnow, shown)
						}
						return
					}
					if len(answer.Citations) == 0 {
						t.Errorf("answered without a source: %q", shown)
					}
					switch template {
					case "PrometheusConfigRelabelReport":
					case "PolicyReport", "ClusterPolicyReport":
						checkLabelled(t, shown)
						if !strings.Contains(shown, "\nSolution: kubectl ") {
							t.Errorf("the solution is no kubectl command: %q", shown)
						}
					default:
						checkLabelled(t, shown)
					}
				})
			}
		}
	}
}

// checkSent guards the test itself: that k8sgpt did take the template and language that are meant.
func checkSent(t *testing.T, exchange exchange, template, language, message string) {
	t.Helper()
	var sent struct {
		Prompt  string
		Options struct{ Language, Message string }
	}
	if err := json.Unmarshal(exchange.sent, &sent); err != nil {
		t.Fatal(err)
	}
	if prompt := fmt.Sprintf(strings.TrimSpace(ai.PromptMap[template]), language, message); sent.Prompt != prompt {
		t.Errorf("k8sgpt sent another template: %q", sent.Prompt)
	}
	if sent.Options.Language != language || sent.Options.Message != message {
		t.Errorf("k8sgpt sent other options: %+v", sent.Options)
	}
}

// checkLabelled wants the two labels that the templates ask for, each at the start of a line and in order.
func checkLabelled(t *testing.T, shown string) {
	t.Helper()
	lines := "\n" + shown
	explanation, solution := strings.Index(lines, "\nError:"), strings.Index(lines, "\nSolution:")
	if explanation < 0 || solution < explanation {
		t.Errorf("no `Error:` and `Solution:`: %q", shown)
	}
}

// Clients before 0.4.29 wrote the three parts into JSON by themselves, the template's name being "raw".
func TestTheTemplateOfOlderClients(t *testing.T) {
	server := serve(t)
	client := ai.NewClient(ai.CustomRestClientName)
	if err := client.Configure(&ai.AIProvider{Model: "runbooks", BaseURL: server.completions}); err != nil {
		t.Fatal(err)
	}
	prompt := fmt.Sprintf(strings.TrimSpace(ai.PromptMap["default"]), "english", outOfMemory)
	shown, err := client.GetCompletion(t.Context(), fmt.Sprintf(ai.PromptMap["raw"], "english", outOfMemory, prompt))
	if err != nil {
		t.Fatal(err)
	}
	checkLabelled(t, shown)
}

func TestMessagesOfEveryShape(t *testing.T) {
	server := serve(t)
	wire := record(t)
	for name, finding := range map[string]common.Result{
		"quotes":      finding("Pod", `couldn't parse image name "registry.example.com/Team/App:latest": invalid "reference" 'format' \"escaped\"`),
		"newlines":    finding("Pod", "panic: runtime error\r\n\tgoroutine 1 [running]:\n\tmain.main()\n\n\t\t/src/main.go:12 +0x1d\n"),
		"backslashes": finding("Pod", `exec: "C:\\app\\start.ps1": \n is no newline, \u0041 no letter, \`),
		"chinese":     finding("Pod", "Pod 一直 CrashLoopBackOff，重啟好幾次了，應該先檢查什麼？"),
		"japanese":    finding("Pod", "イメージを取得できません：ErrImagePull「registry.example.com/決済/api:1.42.0」"),
		"emoji":       finding("Pod", "🔥 OOMKilled 👩‍💻 container=api"),
		"control":     finding("Pod", "OOMKilled \x00\x07\x1b[31mred\x1b[0m\x7f container=api"),
		"not utf-8":   finding("Pod", "OOMKilled \xff\xfe\xc3( container=api"),
		"percent":     finding("Pod", "100%s of %d%% %!v(MISSING) {{ .Values.image }} ${HOME} $1"),
		"html":        finding("Pod", `<html><body><h1>502 Bad Gateway</h1></body></html> <img src="http://203.0.113.7/x.png">`),
		"dashes":      finding("Pod", "--- --- --- OOMKilled ---\n---"),
		"a template inside": finding("Pod",
			fmt.Sprintf(strings.TrimSpace(ai.PromptMap["default"]), "french", outOfMemory)),
		"JSON inside": finding("Pod", `{"response":"no","message":"OOMKilled","model":null}`),
		"one letter":  finding("Pod", "x"),
		"blank":       finding("Pod", " \t "),
		"empty":       finding("Pod", ""),
		"several failures": finding("Ingress", "Ingress shop/storefront does not specify an Ingress class.",
			"Ingress uses the service shop/storefront-v2 which does not exist.",
			"Ingress uses the secret shop/storefront-tls as a TLS certificate which does not exist."),
		"sixty failures": finding("Pod", repeated(60, func(at int) string {
			return fmt.Sprintf("back-off 5m0s restarting failed container=worker-%d pod=queue-%d", at, at)
		})...),
		"long line":   finding("Pod", "OOMKilled "+strings.Repeat("x", 100<<10)),
		"long log":    finding("Pod", strings.Repeat("2026-03-02T04:11:09.221Z ERROR HikariPool-1 - Connection is not available\n", 1500)),
		"long report": finding("PrometheusConfigRelabelReport", strings.Repeat(underTemplate["PrometheusConfigRelabelReport"][0], 1000)),
	} {
		t.Run(name, func(t *testing.T) {
			asker{baseURL: server.completions}.explainOne(t, finding)
			exchange := wire.last(t)
			if answer := exchange.answer(t); answer.Status == "" {
				t.Errorf("no status: %.200q", exchange.reply)
			}
			if exchange.took > answerWithin {
				t.Errorf("took %v", exchange.took)
			}
		})
	}
}

func repeated(times int, of func(int) string) (all []string) {
	for at := range times {
		all = append(all, of(at))
	}
	return all
}

func TestUsualFailuresAreAnswered(t *testing.T) {
	server := serve(t)
	wire := record(t)
	for _, row := range []struct{ kind, failure, document string }{
		{"Pod", outOfMemory, "runbooks/runbooks/pod-oom-killed.md"},
		{"Pod", "back-off 5m0s restarting failed container=api pod=payments-api-7c9d8b6f5-x2x7k_payments(1c0f6e0a-5c2a-4d2e-9a0e-3b1f4c6d7e8f)",
			"runbooks/runbooks/pod-crashloopbackoff.md"},
		{"Pod", imagePull, "runbooks/runbooks/image-pull-failures.md"},
		{"Pod", "0/6 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 5 Insufficient memory.",
			"runbooks/runbooks/pod-pending-failedscheduling.md"},
		{"Service", "Service has no endpoints, expected label app=checkout", "runbooks/runbooks/service-no-endpoints.md"},
		{"Node", "worker-7 has condition of type Ready, reason NodeStatusUnknown: Kubelet stopped posting node status.",
			"runbooks/runbooks/node-not-ready.md"},
	} {
		t.Run(row.document, func(t *testing.T) {
			shown := asker{baseURL: server.completions}.explainOne(t, finding(row.kind, row.failure))
			if answer := wire.last(t).answer(t); answer.Status == "unknown" || !answer.cites(row.document) {
				t.Errorf("%s: %q", answer.Status, shown)
			}
		})
	}
}

func TestUnknownQuestionsAreRefused(t *testing.T) {
	server := serve(t)
	wire := record(t)
	for language, start := range map[string]string{"english": dontKnow, "Traditional Chinese": "我不知道"} {
		shown := asker{baseURL: server.completions, language: language}.explainOne(t, finding("FlinkDeployment", offTopic))
		if !strings.HasPrefix(shown, start) {
			t.Errorf("%s: %q", language, shown)
		}
		if answer := wire.last(t).answer(t); answer.Status != "unknown" {
			t.Errorf("%s: status %s", language, answer.Status)
		}
	}
}

// Failures collected elsewhere, one JSON object a line with `kind` and `message`.
func TestCollectedMessages(t *testing.T) {
	data := os.Getenv("RUNBOOKD_TEST_DATA")
	if data == "" {
		t.Skip("SKIPPED: RUNBOOKD_TEST_DATA is not set")
	}
	file, err := os.Open(filepath.Join(data, "k8sgpt_messages.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	server := serve(t)
	wire := record(t)
	counted := map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct{ Kind, Message string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		asker{baseURL: server.completions}.explainOne(t, finding(line.Kind, line.Message))
		counted[wire.last(t).answer(t).Status]++
	}
	if len(counted) == 0 {
		t.Error("no messages")
	}
	t.Log(counted)
}
