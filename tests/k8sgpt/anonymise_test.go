// Names that k8sgpt has masked: they must come back as they were sent, or the user sees noise instead of names. And the
// object that nobody may touch, which must be recognised by its name, and suspected where the name is masked.

package k8sgpt

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/k8sgpt-ai/k8sgpt/pkg/common"
)

// Masks are random. Each seed draws other ones, the same in every run.
const numSeeds = 8

func seeds(t *testing.T) []uint64 {
	first := uint64(1)
	if text := os.Getenv("K8SGPT_TEST_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("K8SGPT_TEST_SEED: %v", err)
		}
		first = seed
	}
	var all []uint64
	for at := range uint64(numSeeds) {
		all = append(all, first+at)
	}
	return all
}

// Findings whose names analyzers give as sensitive. A mask is made anew for each failure.
func sensitiveFindings() map[string]common.Result {
	return map[string]common.Result{
		"a deployment": masking(finding("Deployment",
			"Deployment orders/checkout-api has 3 replicas but 1 are available with status running"), "orders", "checkout-api"),
		// k8sgpt replaces the namespace first, also where it begins the name, and then finds the name no more.
		"a name that begins with its namespace": masking(finding("Deployment",
			"Deployment payments/payments-api has 3 replicas in spec but 5 replicas in status because status field is not updated yet "+
				"after scaling and 2 replicas are available with status running"), "payments", "payments-api"),
		"a scale target": masking(finding("HorizontalPodAutoscaler",
			"HorizontalPodAutoscaler uses StatefulSet/queue-worker as ScaleTargetRef which does not exist."), "queue-worker"),
		"three failures": masking(finding("Ingress", "Ingress shop/storefront does not specify an Ingress class.",
			"Ingress uses the service shop/storefront-v2 which does not exist.",
			"Ingress uses the secret shop/storefront-tls as a TLS certificate which does not exist."), "shop", "storefront"),
		"a label":          masking(finding("Service", "Service has no endpoints, expected label component=checkout"), "component", "checkout"),
		"a short label":    masking(finding("Service", "Service has no endpoints, expected label app=web"), "app", "web"),
		"a node":           masking(finding("Node", "worker-7 has condition of type Ready, reason NodeStatusUnknown: Kubelet stopped posting node status."), "worker-7"),
		"a network policy": masking(finding("NetworkPolicy", "Network policy is not applied to any pods: deny-egress"), "deny-egress"),
		"a headless service": masking(finding("StatefulSet",
			"StatefulSet uses the service data/postgres-headless which does not exist."), "data", "postgres-headless"),
		"a long name": masking(finding("Job", "Job "+strings.Repeat("very-", 12)+"long is suspended"), strings.Repeat("very-", 12)+"long"),
		"nothing that is known": masking(finding("FlinkDeployment",
			"FlinkDeployment analytics/clickstream: the savepoint was written by an incompatible serializer"), "analytics", "clickstream"),
	}
}

func TestMaskedNamesComeBack(t *testing.T) {
	server := serve(t)
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			wire := record(t)
			cryptotest.SetGlobalRandom(t, seed)
			for name, finding := range sensitiveFindings() {
				asker := asker{baseURL: server.completions, anonymize: true}
				shown := asker.explainOne(t, finding)
				checkRestored(t, name, finding, wire.last(t), shown)
			}
		})
	}
}

// Names shorter than this become masks of four characters, which look like words.
const shortestCertainName = 4

// checkRestored wants every mask that was sent in the reply, its name in what k8sgpt shows, and no remains of a mask.
func checkRestored(t *testing.T, name string, finding common.Result, exchange exchange, shown string) {
	t.Helper()
	sent, reply := string(exchange.sent), exchange.answer(t).Response
	num := 0
	for _, failure := range finding.Error {
		for _, sensitive := range failure.Sensitive {
			if !strings.Contains(sent, sensitive.Masked) || len(sensitive.Unmasked) < shortestCertainName {
				continue
			}
			num++
			if !strings.Contains(reply, sensitive.Masked) || !strings.Contains(shown, sensitive.Unmasked) {
				t.Errorf("%s: %q, sent as %s, is not in %q", name, sensitive.Unmasked, sensitive.Masked, reply)
			}
			if remains := remainsOf(sensitive.Masked, shown); remains != "" {
				t.Errorf("%s: %q, sent as %s, left %q in %q", name, sensitive.Unmasked, sensitive.Masked, remains, shown)
			}
		}
	}
	if num == 0 && name != "a short label" {
		t.Errorf("%s: k8sgpt masked nothing: %q", name, sent)
	}
}

// remainsOf gives a longer piece of a mask that is in a text, whatever its case.
func remainsOf(mask, text string) string {
	const longest = 8
	mask, text = strings.ToLower(mask), strings.ToLower(text)
	for at := 0; at+longest <= len(mask); at++ {
		if piece := mask[at : at+longest]; strings.Contains(text, piece) {
			return piece
		}
	}
	return ""
}

func TestAModelThatHandlesMasksBadly(t *testing.T) {
	const name = "checkout-api"
	var mask string
	var handle func(string) string
	llm := script(t, func(w http.ResponseWriter, _ *http.Request, system, user string) {
		if !strings.Contains(system+user, mask) {
			http.Error(w, "the mask is not in the prompt", http.StatusTeapot)
			return
		}
		says(w, fmt.Sprintf("Error: %s has too few replicas [1].\nSolution: 1. Follow the runbook [1].", handle(mask)))
	})
	server := serve(t, llm.variables()...)
	wire := record(t)
	cryptotest.SetGlobalRandom(t, 1)
	// Another number in each failure: an answer that is remembered would hide what the model does next.
	replicas := 3
	for way, row := range map[string]struct {
		handle     func(string) string
		answeredBy string
	}{
		"copied":        {func(mask string) string { return mask }, "llm"},
		"as code":       {func(mask string) string { return "`" + mask + "`" }, "llm"},
		"left out":      {func(string) string { return "The Deployment" }, "llm"},
		"in lower case": {strings.ToLower, "extractive"},
		"cut":           {func(mask string) string { return mask[:len(mask)-4] }, "extractive"},
		// So cut, it can only be this one: the answer has the whole.
		"with an ellipsis": {func(mask string) string { return mask[:10] + "..." }, "llm"},
		"one letter wrong": {func(mask string) string { return mask[:6] + "q" + mask[7:] }, "extractive"},
	} {
		t.Run(way, func(t *testing.T) {
			replicas++
			finding := masking(finding("Deployment",
				fmt.Sprintf("Deployment %s has %d replicas but 1 are available with status running", name, replicas)), name)
			mask, handle = finding.Error[0].Sensitive[0].Masked, row.handle
			shown := asker{baseURL: server.completions, anonymize: true}.explainOne(t, finding)
			checkRestored(t, way, finding, wire.last(t), shown)
			if answer := wire.last(t).answer(t); answer.AnsweredBy != row.answeredBy {
				t.Errorf("answered by %s: %q", answer.AnsweredBy, shown)
			}
		})
	}
}

const (
	untouchable    = "dont-do-anything-deployment"
	untouchableSOP = "runbooks/sops/dont-touch-legacy-deployment.md"
)

var (
	prohibition  = regexp.MustCompile(`(?i)do not restart`)
	namesAreMask = regexp.MustCompile(`(?i)names are masked`)
)

func TestTheUntouchableDeployment(t *testing.T) {
	obedient := func(w http.ResponseWriter, _ *http.Request, _, _ string) {
		says(w, "Error: The Deployment has no available replica [1].\nSolution: 1. Leave it alone [1].")
	}
	ignorant := func(w http.ResponseWriter, _ *http.Request, _, _ string) { says(w, "I don't know.") }
	// Any model's usual advice, and the source it claims for it.
	careless := func(source int) func(w http.ResponseWriter, r *http.Request, system, user string) {
		return func(w http.ResponseWriter, _ *http.Request, _, _ string) {
			says(w, fmt.Sprintf("Error: The Deployment has no available replica [%[1]d].\nSolution: 1. Restart the rollout [%[1]d].", source))
		}
	}
	for name, act := range map[string]func(w http.ResponseWriter, r *http.Request, system, user string){
		"no model": nil, "an obedient model": obedient, "a model that does not know": ignorant,
		"a careless model": careless(1), "a careless model with another source": careless(2),
	} {
		t.Run(name, func(t *testing.T) {
			var variables []string
			if act != nil {
				variables = script(t, act).variables()
			}
			server := serve(t, variables...)
			wire := record(t)
			deployment := func() common.Result {
				return masking(finding("Deployment",
					"Deployment legacy/"+untouchable+" has 1 replicas but 0 are available with status running"), "legacy", untouchable)
			}
			pod := finding("Pod", "the last termination reason is Error container=batch pod="+untouchable+"-6f7b9c4d5-x2x7k")
			for _, finding := range []common.Result{deployment(), pod} {
				shown := asker{baseURL: server.completions}.explainOne(t, finding)
				answer := wire.last(t).answer(t)
				if !prohibition.MatchString(shown) || !answer.cites(untouchableSOP) {
					t.Errorf("%s: no warning: %q", finding.Kind, shown)
				}
			}
			for _, seed := range seeds(t) {
				t.Run(fmt.Sprintf("masked, seed %d", seed), func(t *testing.T) {
					cryptotest.SetGlobalRandom(t, seed)
					finding := deployment()
					shown := asker{baseURL: server.completions, anonymize: true}.explainOne(t, finding)
					answer := wire.last(t).answer(t)
					if !namesAreMask.MatchString(shown) || !answer.cites(untouchableSOP) {
						t.Errorf("no warning: %q", shown)
					}
					checkRestored(t, "masked", finding, wire.last(t), shown)
				})
			}
		})
	}
}
