// k8sgpt's own path from findings to explanations, and a look at what goes over the wire meanwhile.

package k8sgpt

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sgpt-ai/k8sgpt/pkg/ai"
	"github.com/k8sgpt-ai/k8sgpt/pkg/analysis"
	"github.com/k8sgpt-ai/k8sgpt/pkg/cache"
	"github.com/k8sgpt-ai/k8sgpt/pkg/common"
	"github.com/k8sgpt-ai/k8sgpt/pkg/util"
)

// asker is k8sgpt as somebody has configured it.
type asker struct {
	baseURL  string
	password string
	// Empty: k8sgpt's default.
	language  string
	anonymize bool
}

// explain hands findings to k8sgpt's analysis loop and gives back what it would show.
func (asker asker) explain(t *testing.T, findings ...common.Result) ([]common.Result, error) {
	t.Helper()
	client := ai.NewClient(ai.CustomRestClientName)
	provider := &ai.AIProvider{
		Name: ai.CustomRestClientName, Model: "runbooks", BaseURL: asker.baseURL, Password: asker.password,
		// The command line's defaults.
		Temperature: 0.7, TopP: 0.5, TopK: 50,
	}
	if err := client.Configure(provider); err != nil {
		t.Fatal(err)
	}
	run := analysis.Analysis{
		Context: t.Context(), AIClient: client, Cache: noCache{}, Results: findings, Language: "english", Explain: true,
	}
	if asker.language != "" {
		run.Language = asker.language
	}
	err := run.GetAIResults("json", asker.anonymize)
	return run.Results, err
}

// explainOne is for one finding that must be explained; it gives the explanation as k8sgpt shows it.
func (asker asker) explainOne(t *testing.T, finding common.Result) string {
	t.Helper()
	results, err := asker.explain(t, finding)
	if err != nil {
		t.Fatalf("k8sgpt gives up: %v", err)
	}
	if strings.TrimSpace(results[0].Details) == "" {
		t.Fatalf("k8sgpt shows nothing for %q", finding.Error)
	}
	return results[0].Details
}

// finding is an analyzer's result with one or more failures.
func finding(kind string, failures ...string) common.Result {
	result := common.Result{Kind: kind, Name: "somewhere/something"}
	for _, failure := range failures {
		result.Error = append(result.Error, common.Failure{Text: failure})
	}
	return result
}

// masking adds names that k8sgpt masks when it is told to anonymise, each with a new random token as analyzers do.
func masking(result common.Result, names ...string) common.Result {
	for at := range result.Error {
		for _, name := range names {
			sensitive := common.Sensitive{Unmasked: name, Masked: util.MaskString(name)}
			result.Error[at].Sensitive = append(result.Error[at].Sensitive, sensitive)
		}
	}
	return result
}

// noCache keeps this run's answers out of the home directory's cache.
type noCache struct{}

func (noCache) Configure(cache.CacheProvider) error       { return nil }
func (noCache) Store(string, string) error                { return nil }
func (noCache) Load(string) (string, error)               { return "", nil }
func (noCache) List() ([]cache.CacheObjectDetails, error) { return nil, nil }
func (noCache) Remove(string) error                       { return nil }
func (noCache) Exists(string) bool                        { return false }
func (noCache) IsCacheDisabled() bool                     { return true }
func (noCache) GetName() string                           { return "none" }
func (noCache) DisableCache()                             {}

// answer is our reply with the fields that k8sgpt passes over.
type answer struct {
	Model      string  `json:"model"`
	CreatedAt  string  `json:"created_at"`
	Response   string  `json:"response"`
	Status     string  `json:"status"`
	AnsweredBy string  `json:"answered_by"`
	Degraded   *string `json:"degraded"`
	Citations  []struct {
		Document string `json:"document"`
	} `json:"citations"`
}

func (answer answer) cites(document string) bool {
	for _, citation := range answer.Citations {
		if citation.Document == document {
			return true
		}
	}
	return false
}

// exchange is one request of k8sgpt's and its reply.
type exchange struct {
	request *http.Request
	sent    []byte
	status  int
	reply   []byte
	took    time.Duration
}

// answer reads the reply strictly: one JSON object and nothing else.
func (exchange exchange) answer(t *testing.T) answer {
	t.Helper()
	var parsed answer
	decoder := json.NewDecoder(bytes.NewReader(exchange.reply))
	if err := decoder.Decode(&parsed); err != nil {
		t.Fatalf("the reply is no JSON object: %v: %.200q", err, exchange.reply)
	}
	if _, err := decoder.Token(); err != io.EOF {
		t.Fatalf("something follows the reply's object: %.200q", exchange.reply)
	}
	return parsed
}

// recorder passes requests on and keeps them.
type recorder struct {
	mutex     sync.Mutex
	exchanges []exchange
}

func (recorder *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(sent))
	started := time.Now()
	response, err := direct.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	reply, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(reply))
	recorder.mutex.Lock()
	defer recorder.mutex.Unlock()
	recorder.exchanges = append(recorder.exchanges, exchange{
		request: request.Clone(context.Background()), sent: sent, status: response.StatusCode, reply: reply, took: time.Since(started),
	})
	return response, nil
}

func (recorder *recorder) all() []exchange {
	recorder.mutex.Lock()
	defer recorder.mutex.Unlock()
	return append([]exchange(nil), recorder.exchanges...)
}

func (recorder *recorder) last(t *testing.T) exchange {
	t.Helper()
	all := recorder.all()
	if len(all) == 0 {
		t.Fatal("k8sgpt has asked nothing")
	}
	return all[len(all)-1]
}

var direct = http.DefaultTransport

// record watches k8sgpt's client, which sends through the default transport, until the test ends.
func record(t *testing.T) *recorder {
	t.Helper()
	recorder := &recorder{}
	http.DefaultTransport = recorder
	t.Cleanup(func() { http.DefaultTransport = direct })
	return recorder
}
