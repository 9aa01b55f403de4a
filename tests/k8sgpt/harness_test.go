// The programs under test: one knowledge base made from `runbooks/`, and servers on loopback that end with their test.

package k8sgpt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	ingestWithin = 3 * time.Minute
	readyWithin  = 30 * time.Second
	stopWithin   = 10 * time.Second
	logBytes     = 8 << 10
)

// program is the path that the variable gives, or where a release build puts it.
func program(variable, name string) (string, error) {
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join("..", "..", "target", "release", name)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing: run `cargo build --release --workspace`, or set %s", path, variable)
	}
	return path, nil
}

var (
	// scratch is the directory of this run; TestMain removes it.
	scratch string
	// Every program that is started ends with this, also when a signal ends the run.
	alive, endAll = context.WithCancel(context.Background())
	programs      sync.WaitGroup
)

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "runbookd-k8sgpt-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	clean := sync.OnceFunc(func() {
		endAll()
		programs.Wait()
		os.RemoveAll(scratch)
	})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		clean()
		os.Exit(1)
	}()
	code := m.Run()
	clean()
	os.Exit(code)
}

// knowledgeBase is the sample knowledge base, made once.
var knowledgeBase = sync.OnceValues(func() (string, error) {
	ingest, err := program("INGEST_BIN", "ingest")
	if err != nil {
		return "", err
	}
	programs.Add(1)
	defer programs.Done()
	ctx, cancel := context.WithTimeout(alive, ingestWithin)
	defer cancel()
	kb := filepath.Join(scratch, "kb")
	command := exec.CommandContext(ctx, ingest, "--kb", kb, filepath.Join("..", "..", "runbooks"))
	command.Env = environment()
	if words, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("ingest of runbooks/: %w\n%s", err, words)
	}
	return kb, nil
})

// environment is this process's without what would configure a server or send loopback traffic through a proxy.
func environment(more ...string) []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch name := strings.ToUpper(name); {
		// The model's place is the machine's business, everything else about a server is the test's.
		case strings.HasPrefix(name, "RUNBOOKD_") && name != "RUNBOOKD_ORT_LIB" && name != "RUNBOOKD_MODEL_DIR":
		case strings.HasSuffix(name, "_PROXY") && name != "GOPROXY":
		default:
			kept = append(kept, variable)
		}
	}
	return append(kept, more...)
}

// server is a running `runbookd serve`.
type server struct {
	// URL of the endpoint that k8sgpt is pointed at.
	completions string
	log         *tail
}

// serve starts `runbookd serve` over the sample knowledge base, with these variables, and waits until it is ready.
func serve(t *testing.T, variables ...string) *server {
	t.Helper()
	kb, err := knowledgeBase()
	if err != nil {
		t.Fatal(err)
	}
	runbookd, err := program("RUNBOOKD_BIN", "runbookd")
	if err != nil {
		t.Fatal(err)
	}
	// The port may be taken between its choice and its use.
	for range 3 {
		address := freeAddress(t)
		started, err := start(t, runbookd, kb, address, variables)
		if err == nil {
			return started
		}
		t.Log(err)
	}
	t.Fatal("`runbookd serve` did not become ready")
	return nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// probe asks for readiness, unseen by a recorder.
var probe = http.Client{Transport: direct, Timeout: 2 * time.Second}

func start(t *testing.T, runbookd, kb, address string, variables []string) (*server, error) {
	t.Helper()
	// Ends before the test binary's own deadline, which runs no cleanups.
	ctx, cancel := context.WithCancel(alive)
	if deadline, ok := t.Deadline(); ok {
		ctx, cancel = context.WithDeadline(alive, deadline.Add(-2*stopWithin))
	}
	command := exec.CommandContext(ctx, runbookd, "serve", "--kb", kb, "--listen", address)
	command.Env = environment(append([]string{"RUNBOOKD_STATE=" + t.TempDir()}, variables...)...)
	command.Dir = t.TempDir()
	log := &tail{}
	command.Stdout, command.Stderr = log, log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopWithin
	if err := command.Start(); err != nil {
		cancel()
		return nil, err
	}
	programs.Add(1)
	ended := make(chan error, 1)
	go func() {
		defer programs.Done()
		ended <- command.Wait()
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	ready := time.Now().Add(readyWithin)
	for time.Now().Before(ready) {
		select {
		case err := <-ended:
			cancel()
			return nil, fmt.Errorf("`runbookd serve` ended: %v\n%s", err, log)
		case <-time.After(20 * time.Millisecond):
		}
		reply, err := probe.Get("http://" + address + "/readyz")
		if err != nil {
			continue
		}
		reply.Body.Close()
		if reply.StatusCode == http.StatusOK {
			t.Cleanup(func() {
				stop()
				if t.Failed() {
					t.Logf("the server said:\n%s", log)
				}
			})
			return &server{completions: "http://" + address + "/completions", log: log}, nil
		}
	}
	stop()
	return nil, errors.New("`runbookd serve` was not ready in time\n" + log.String())
}

// tail keeps the end of what a program says.
type tail struct {
	mutex sync.Mutex
	kept  []byte
}

func (tail *tail) Write(words []byte) (int, error) {
	tail.mutex.Lock()
	defer tail.mutex.Unlock()
	tail.kept = append(tail.kept, words...)
	if extra := len(tail.kept) - logBytes; extra > 0 {
		tail.kept = append([]byte(nil), tail.kept[extra:]...)
	}
	return len(words), nil
}

func (tail *tail) String() string {
	tail.mutex.Lock()
	defer tail.mutex.Unlock()
	return string(bytes.ToValidUTF8(tail.kept, []byte("?")))
}
