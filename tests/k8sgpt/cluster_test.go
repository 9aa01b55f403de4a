// A cluster that is only an API server: a handful of broken objects over plain HTTP, for the command line to analyse.

package k8sgpt

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
)

// cluster answers the reads of k8sgpt's Pod, Service and Deployment analyzers.
type cluster struct {
	pods        []core.Pod
	replicaSets []apps.ReplicaSet
	deployments []apps.Deployment
	services    []core.Service
	endpoints   []core.Endpoints
	events      []core.Event

	mutex sync.Mutex
	// Reads that the stub has no answer for.
	unanswered []string
}

// kubeconfig starts the API server and writes the file that leads to it.
func (cluster *cluster) kubeconfig(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(cluster.serve))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: stub\n"+
		"clusters: [{name: stub, cluster: {server: %q}}]\ncontexts: [{name: stub, context: {cluster: stub, user: stub}}]\n"+
		"users: [{name: stub, user: {}}]\n", server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (cluster *cluster) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	object := cluster.object(r)
	if object == nil {
		cluster.mutex.Lock()
		cluster.unanswered = append(cluster.unanswered, r.Method+" "+r.URL.String())
		cluster.mutex.Unlock()
		w.WriteHeader(http.StatusNotFound)
		object = meta.Status{
			TypeMeta: meta.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: meta.StatusFailure, Reason: meta.StatusReasonNotFound,
			Message: "not found", Code: http.StatusNotFound,
		}
	}
	json.NewEncoder(w).Encode(object)
}

func (cluster *cluster) object(r *http.Request) any {
	list := func(kind, apiVersion string) meta.TypeMeta { return meta.TypeMeta{Kind: kind, APIVersion: apiVersion} }
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch at := strings.Join(path, "/"); {
	case r.Method != http.MethodGet:
		return nil
	case at == "version":
		return version.Info{Major: "1", Minor: "34", GitVersion: "v1.34.1", Platform: "linux/amd64"}
	case at == "api/v1/pods":
		return core.PodList{TypeMeta: list("PodList", "v1"), Items: cluster.pods}
	case at == "api/v1/endpoints":
		return core.EndpointsList{TypeMeta: list("EndpointsList", "v1"), Items: cluster.endpoints}
	case at == "apis/apps/v1/deployments":
		return apps.DeploymentList{TypeMeta: list("DeploymentList", "apps/v1"), Items: cluster.deployments}
	case path[len(path)-1] == "events":
		// Either of the whole cluster or of one namespace, always about one object.
		about := strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "involvedObject.name=")
		found := core.EventList{TypeMeta: list("EventList", "v1")}
		for _, event := range cluster.events {
			if event.InvolvedObject.Name == about && (len(path) == 3 || path[3] == event.Namespace) {
				found.Items = append(found.Items, event)
			}
		}
		return found
	case len(path) == 6 && path[4] == "services":
		return named(cluster.services, path[3], path[5])
	case len(path) == 7 && path[5] == "replicasets":
		return named(cluster.replicaSets, path[4], path[6])
	case len(path) == 7 && path[5] == "deployments":
		return named(cluster.deployments, path[4], path[6])
	}
	return nil
}

// named gives the object of that name, or nil.
func named[T any, P interface {
	*T
	meta.Object
}](objects []T, namespace, name string) any {
	for at := range objects {
		if object := P(&objects[at]); object.GetNamespace() == namespace && object.GetName() == name {
			return object
		}
	}
	return nil
}

func object(namespace, name string, owner ...meta.OwnerReference) meta.ObjectMeta {
	return meta.ObjectMeta{Namespace: namespace, Name: name, OwnerReferences: owner}
}

func owner(kind, name string) meta.OwnerReference {
	return meta.OwnerReference{APIVersion: "apps/v1", Kind: kind, Name: name}
}

func deployment(namespace, name string, wanted, ready int32) apps.Deployment {
	return apps.Deployment{
		ObjectMeta: object(namespace, name), Spec: apps.DeploymentSpec{Replicas: &wanted},
		Status: apps.DeploymentStatus{Replicas: wanted, ReadyReplicas: ready},
	}
}

func waiting(reason, message string) core.ContainerState {
	return core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: reason, Message: message}}
}

// brokenCluster has one object for each path of the three analyzers that ends in a finding.
func brokenCluster() *cluster {
	const podOfUntouchable = untouchable + "-6f7b9c4d5-x2x7k"
	return &cluster{
		pods: []core.Pod{
			{
				ObjectMeta: object("search", "search-api-6b7f9d5c4-zz8rt", owner("ReplicaSet", "search-api-6b7f9d5c4")),
				Status: core.PodStatus{Phase: core.PodRunning, ContainerStatuses: []core.ContainerStatus{{
					Name: "api", State: waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container=api"),
					LastTerminationState: core.ContainerState{Terminated: &core.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}},
				}}},
			},
			{
				ObjectMeta: object("payments", "payments-api-7c9d8b6f5-x2x7k"),
				Status: core.PodStatus{Phase: core.PodPending, ContainerStatuses: []core.ContainerStatus{{
					Name: "api", State: waiting("ImagePullBackOff", imagePull),
				}}},
			},
			{
				ObjectMeta: object("batch", "report-28911"),
				Status: core.PodStatus{Phase: core.PodPending, Conditions: []core.PodCondition{{
					Type: core.PodScheduled, Reason: "Unschedulable",
					Message: "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient memory.",
				}}},
			},
			{
				ObjectMeta: object("legacy", podOfUntouchable, owner("ReplicaSet", untouchable+"-6f7b9c4d5")),
				Status: core.PodStatus{Phase: core.PodRunning, ContainerStatuses: []core.ContainerStatus{{
					Name: "batch", State: core.ContainerState{Running: &core.ContainerStateRunning{}},
				}}},
			},
			{ObjectMeta: object("search", "healthy"), Status: core.PodStatus{Phase: core.PodRunning, ContainerStatuses: []core.ContainerStatus{{
				Name: "api", Ready: true, State: core.ContainerState{Running: &core.ContainerStateRunning{}},
			}}}},
		},
		replicaSets: []apps.ReplicaSet{
			{ObjectMeta: object("search", "search-api-6b7f9d5c4", owner("Deployment", "search-api"))},
			{ObjectMeta: object("legacy", untouchable+"-6f7b9c4d5", owner("Deployment", untouchable))},
		},
		deployments: []apps.Deployment{
			deployment("legacy", untouchable, 1, 0),
			deployment("orders", "checkout-api", 3, 1),
			deployment("search", "search-api", 2, 2),
		},
		services: []core.Service{{
			ObjectMeta: object("orders", "storefront"),
			Spec:       core.ServiceSpec{Selector: map[string]string{"component": "storefront"}},
		}},
		endpoints: []core.Endpoints{{ObjectMeta: object("orders", "storefront")}},
		events: []core.Event{
			{
				ObjectMeta: object("legacy", "unready"), Type: core.EventTypeWarning, Reason: "Unhealthy",
				Message:        "Readiness probe failed: HTTP probe failed with statuscode: 503",
				InvolvedObject: core.ObjectReference{Kind: "Pod", Namespace: "legacy", Name: podOfUntouchable},
				LastTimestamp:  meta.NewTime(time.Date(2026, 3, 2, 4, 11, 9, 0, time.UTC)),
			},
			{
				ObjectMeta: object("orders", "slices"), Type: core.EventTypeWarning, Reason: "FailedToUpdateEndpointSlices",
				Message:        `Error updating Endpoint Slices for Service "orders/storefront": node "worker-7" not found`,
				InvolvedObject: core.ObjectReference{Kind: "Service", Namespace: "orders", Name: "storefront"},
			},
		},
	}
}
