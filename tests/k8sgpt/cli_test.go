// The whole of k8sgpt, as somebody types it: configuration file, cluster, analyzers, explanations.

package k8sgpt

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8sgpt-ai/k8sgpt/pkg/analysis"
)

const (
	analyzeWithin = 90 * time.Second
	// The address in the example configuration.
	exampleURL = "http://127.0.0.1:8000/completions"
)

func TestTheCommandLine(t *testing.T) {
	k8sgpt := os.Getenv("K8SGPT_BIN")
	if k8sgpt == "" {
		t.Skip("SKIPPED: K8SGPT_BIN is not set")
	}
	for _, mood := range []struct {
		name string
		act  func(w http.ResponseWriter, r *http.Request, system, user string)
	}{
		{"up", func(w http.ResponseWriter, _ *http.Request, _, _ string) {
			says(w, "Error: The team's documents describe this failure [1].\nSolution: 1. Follow them [1].")
		}},
		{"slow", func(_ http.ResponseWriter, r *http.Request, _, _ string) {
			select {
			case <-r.Context().Done():
			case <-time.After(10 * llmTimeout):
			}
		}},
		{"down", nil},
	} {
		t.Run("model "+mood.name, func(t *testing.T) {
			llm := script(t, mood.act)
			if mood.act == nil {
				llm.Close()
			}
			server := serve(t, append(llm.variables(), "RUNBOOKD_TOKEN="+exampleToken)...)
			for name, flags := range map[string][]string{"plain": nil, "anonymized": {"--anonymize"}} {
				t.Run(name, func(t *testing.T) {
					checkAnalysis(t, k8sgpt, server, mood.name == "up", flags...)
				})
			}
		})
	}
}

// What is put in the place of the example's token.
const exampleToken = "the-token-of-the-command-line"

func checkAnalysis(t *testing.T, k8sgpt string, server *server, byModel bool, flags ...string) {
	cluster := brokenCluster()
	wire := &recorder{}
	results := analyze(t, k8sgpt, cluster, watched(t, server, wire), flags...)
	for _, read := range cluster.unanswered {
		t.Errorf("the cluster has no answer to %s", read)
	}

	wanted := map[string]bool{
		"Pod search/search-api-6b7f9d5c4-zz8rt": true, "Pod payments/payments-api-7c9d8b6f5-x2x7k": true, "Pod batch/report-28911": true,
		"Pod legacy/" + untouchable + "-6f7b9c4d5-x2x7k": true, "Deployment legacy/" + untouchable: true,
		"Deployment orders/checkout-api": true, "Service orders/storefront": true,
	}
	if len(results.Results) != len(wanted) {
		t.Errorf("%d findings", len(results.Results))
	}
	for _, result := range results.Results {
		name := result.Kind + " " + result.Name
		if !wanted[name] {
			t.Errorf("an unexpected finding: %s", name)
		}
		if strings.TrimSpace(result.Details) == "" {
			t.Errorf("%s: no explanation", name)
		}
		anonymized := len(flags) > 0
		if name == "Deployment legacy/"+untouchable {
			warning := prohibition
			if anonymized {
				warning = namesAreMask
			}
			if !warning.MatchString(result.Details) {
				t.Errorf("%s: no warning: %q", name, result.Details)
			}
		}
		for _, failure := range result.Error {
			for _, sensitive := range failure.Sensitive {
				if anonymized && !strings.Contains(result.Details, sensitive.Unmasked) {
					t.Errorf("%s: %q did not come back: %q", name, sensitive.Unmasked, result.Details)
				}
				if remains := remainsOf(sensitive.Masked, result.Details); remains != "" {
					t.Errorf("%s: %q left %q in %q", name, sensitive.Unmasked, remains, result.Details)
				}
			}
		}
	}

	exchanges := wire.all()
	if len(exchanges) != len(wanted) {
		t.Errorf("%d requests for %d findings", len(exchanges), len(wanted))
	}
	for _, exchange := range exchanges {
		if got := exchange.request.Header.Get("Authorization"); got != "Bearer "+exampleToken {
			t.Errorf("k8sgpt sent %q as Authorization", got)
		}
		answer := exchange.answer(t)
		if answer.AnsweredBy == "llm" && !byModel {
			t.Errorf("answered by a model that cannot: %q", answer.Response)
		}
		if exchange.took > llmTimeout+time.Second+slack {
			t.Errorf("took %v", exchange.took)
		}
	}
}

// watched is the address of a relay to the server that keeps what goes by.
func watched(t *testing.T, server *server, wire *recorder) string {
	t.Helper()
	target, err := url.Parse(server.completions)
	if err != nil {
		t.Fatal(err)
	}
	target.Path = ""
	relay := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(target) },
		Transport: wire,
	})
	t.Cleanup(relay.Close)
	return relay.URL + "/completions"
}

// analyze runs the command line with nothing of this user's: configuration, cache and home are the test's.
func analyze(t *testing.T, k8sgpt string, cluster *cluster, baseURL string, flags ...string) analysis.JsonOutput {
	t.Helper()
	home := t.TempDir()
	configuration := filepath.Join(home, "config", "k8sgpt", "k8sgpt.yaml")
	if err := os.MkdirAll(filepath.Dir(configuration), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(configuration, exampleConfiguration(t, baseURL), 0o600); err != nil {
		t.Fatal(err)
	}

	programs.Add(1)
	defer programs.Done()
	ctx, cancel := context.WithTimeout(alive, analyzeWithin)
	defer cancel()
	arguments := []string{"analyze", "--filter", "Pod,Service,Deployment", "--explain", "--backend", "customrest", "--output", "json"}
	command := exec.CommandContext(ctx, k8sgpt, append(arguments, flags...)...)
	command.Env = environment(
		"HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, "config"), "XDG_CACHE_HOME="+filepath.Join(home, "cache"),
		"XDG_DATA_HOME="+filepath.Join(home, "data"), "KUBECONFIG="+cluster.kubeconfig(t), "KUBERNETES_SERVICE_HOST=",
	)
	command.Dir = home
	var out, errors bytes.Buffer
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil {
		t.Fatalf("k8sgpt analyze: %v\n%s\n%s", err, out.Bytes(), errors.Bytes())
	}
	var results analysis.JsonOutput
	if err := json.Unmarshal(out.Bytes(), &results); err != nil {
		t.Fatalf("k8sgpt printed no JSON: %v\n%s", err, out.Bytes())
	}
	if len(results.Errors) > 0 {
		t.Errorf("k8sgpt reports errors: %v", results.Errors)
	}
	return results
}

// exampleConfiguration is the one that users are shown, with this address and token.
func exampleConfiguration(t *testing.T, baseURL string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "k8sgpt", "k8sgpt.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, placeholder := range []string{exampleURL, "YOUR-TOKEN"} {
		if bytes.Count(text, []byte(placeholder)) != 1 {
			t.Fatalf("the example configuration does not have %q once", placeholder)
		}
	}
	text = bytes.Replace(text, []byte(exampleURL), []byte(baseURL), 1)
	return bytes.Replace(text, []byte("YOUR-TOKEN"), []byte(exampleToken), 1)
}
