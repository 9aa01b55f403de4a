// A scripted language model: what it says, and how it fails.

package k8sgpt

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The deadline that the tests give the model, and what an answer may take whatever the model does.
const (
	llmTimeout   = time.Second
	answerWithin = 10 * time.Second
	// Room for a machine that is busy with other things.
	slack = 2 * time.Second
)

// scripted is an OpenAI-compatible server.
type scripted struct {
	*httptest.Server
	calls atomic.Int64
	// What it does with a call; given the system and the user message of a well-formed one.
	act func(w http.ResponseWriter, r *http.Request, system, user string)
}

func script(t *testing.T, act func(w http.ResponseWriter, r *http.Request, system, user string)) *scripted {
	t.Helper()
	llm := &scripted{act: act}
	llm.Server = httptest.NewServer(http.HandlerFunc(llm.serve))
	t.Cleanup(llm.Close)
	return llm
}

func (llm *scripted) serve(w http.ResponseWriter, r *http.Request) {
	var call struct {
		Model    string
		Messages []struct{ Role, Content string }
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" {
		http.NotFound(w, r)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	llm.calls.Add(1)
	var system, user strings.Builder
	for _, message := range call.Messages {
		switch message.Role {
		case "system":
			system.WriteString(message.Content)
		case "user":
			user.WriteString(message.Content)
		}
	}
	llm.act(w, r, system.String(), user.String())
}

// variables point a server at the model.
func (llm *scripted) variables() []string {
	return []string{
		"RUNBOOKD_LLM_BASE_URL=" + llm.URL + "/v1",
		"RUNBOOKD_LLM_MODEL=scripted",
		"RUNBOOKD_LLM_API_KEY=sk-scripted-key",
		fmt.Sprintf("RUNBOOKD_LLM_TIMEOUT_S=%d", int(llmTimeout.Seconds())),
	}
}

// says makes a model's reply of a text.
func says(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1772424669, "model": "scripted",
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text},
		}},
		"usage": map[string]any{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
	})
}

// Every mood of a model, and what becomes of answers meanwhile.
func TestModelUpSlowAndDown(t *testing.T) {
	const reply = "Error: The container needs more memory than it may have [1].\nSolution: 1. Follow the runbook [1]."
	for _, mood := range []struct {
		name       string
		act        func(w http.ResponseWriter, r *http.Request, system, user string)
		answeredBy string
	}{
		{"up", func(w http.ResponseWriter, _ *http.Request, _, _ string) { says(w, reply) }, "llm"},
		{"slow", func(w http.ResponseWriter, r *http.Request, _, _ string) {
			select {
			case <-r.Context().Done():
			case <-time.After(10 * llmTimeout):
				says(w, reply)
			}
		}, "extractive"},
		{"down", nil, "extractive"},
		{"out of quota", func(w http.ResponseWriter, _ *http.Request, _, _ string) {
			// What k8sgpt looks for before it calls the whole run off.
			http.Error(w, `{"error":{"message":"status code: 429"}}`, http.StatusTooManyRequests)
		}, "extractive"},
	} {
		t.Run(mood.name, func(t *testing.T) {
			llm := script(t, mood.act)
			if mood.act == nil {
				llm.Close()
			}
			server := serve(t, llm.variables()...)
			wire := record(t)
			asker := asker{baseURL: server.completions}
			findings := []struct{ kind, failure string }{
				{"Pod", outOfMemory}, {"Pod", imagePull}, {"Service", "Service has no endpoints, expected label app=checkout"},
			}
			for _, asked := range findings {
				shown := asker.explainOne(t, finding(asked.kind, asked.failure))
				checkLabelled(t, shown)
				exchange := wire.last(t)
				answer := exchange.answer(t)
				if answer.AnsweredBy != mood.answeredBy || (answer.Degraded != nil) != (mood.answeredBy != "llm") {
					t.Errorf("answered by %s, degraded %v: %q", answer.AnsweredBy, answer.Degraded, shown)
				}
				if mood.answeredBy == "llm" && !strings.Contains(shown, "needs more memory than it may have") {
					t.Errorf("not what the model said: %q", shown)
				}
				if exchange.took > llmTimeout+time.Second+slack {
					t.Errorf("took %v", exchange.took)
				}
				if strings.Contains(string(exchange.reply), "status code") || strings.Contains(server.log.String(), "sk-scripted-key") {
					t.Errorf("the model's own words or its key got out: %s", exchange.reply)
				}
			}
			if mood.act != nil && llm.calls.Load() == 0 {
				t.Error("the model was never asked")
			}
			// What nobody can answer is refused before any model is asked.
			before := llm.calls.Load()
			if shown := asker.explainOne(t, finding("FlinkDeployment", offTopic)); !strings.HasPrefix(shown, dontKnow) {
				t.Error(shown)
			}
			if llm.calls.Load() != before {
				t.Error("the model was asked something that no document covers")
			}
		})
	}
}

// Unless a rule of the team's names the failure, which then stands whatever a model says.
func TestAModelThatDoesNotKnowIsBelieved(t *testing.T) {
	llm := script(t, func(w http.ResponseWriter, _ *http.Request, _, _ string) { says(w, "I don't know.") })
	server := serve(t, llm.variables()...)
	asker := asker{baseURL: server.completions}
	if shown := asker.explainOne(t, finding("Custom", "A change by kubectl edit disappears after a few minutes")); !strings.HasPrefix(shown, dontKnow) {
		t.Error(shown)
	}
	if llm.calls.Load() == 0 {
		t.Error("the model was never asked")
	}
	if shown := asker.explainOne(t, finding("Pod", outOfMemory)); strings.HasPrefix(shown, dontKnow) {
		t.Error(shown)
	}
}
