// What people put into k8sgpt's configuration: a password, a query string, a path.

package k8sgpt

import (
	"strings"
	"testing"
)

func TestPasswords(t *testing.T) {
	const token = "a-token-of-k8sgpt's"
	open, closed := serve(t), serve(t, "RUNBOOKD_TOKEN="+token)
	for _, row := range []struct {
		what     string
		server   *server
		password string
		welcome  bool
	}{
		{"none needed, none given", open, "", true},
		{"none needed, one given", open, token, true},
		{"the right one", closed, token, true},
		{"a wrong one", closed, token + "x", false},
		{"none given", closed, "", false},
	} {
		t.Run(row.what, func(t *testing.T) {
			asker := asker{baseURL: row.server.completions, password: row.password}
			results, err := asker.explain(t, finding("Pod", outOfMemory))
			switch {
			case row.welcome && err != nil:
				t.Error(err)
			case row.welcome && results[0].Details == "":
				t.Error("k8sgpt shows nothing")
			case !row.welcome && err == nil:
				t.Errorf("let in: %q", results[0].Details)
			case !row.welcome && !strings.Contains(err.Error(), "StatusCode: 401"):
				t.Error(err)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
}

func TestQueryStringsAreKept(t *testing.T) {
	server := serve(t)
	wire := record(t)
	const query = "cluster=prod-hcm-1&kind=runbook"
	asker{baseURL: server.completions + "?" + query}.explainOne(t, finding("Pod", outOfMemory))
	exchange := wire.last(t)
	if exchange.request.URL.RawQuery != query {
		t.Errorf("k8sgpt asked %s", exchange.request.URL)
	}
	if answer := exchange.answer(t); answer.Status == "unknown" {
		t.Errorf("%+v", answer)
	}
}

// A redirect would turn the POST into a GET.
func TestATrailingSlashIsNoRedirect(t *testing.T) {
	server := serve(t)
	wire := record(t)
	asker{baseURL: server.completions + "/"}.explainOne(t, finding("Pod", outOfMemory))
	if asked := len(wire.all()); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
