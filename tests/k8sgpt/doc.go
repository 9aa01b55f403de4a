// Package k8sgpt drives `runbookd serve` with k8sgpt's own code: its `customrest` client, its prompt templates, its
// masking and its analysis loop, all imported at the version that go.mod pins, and its whole command line where that
// could be built.
//
// There is only test code here. `run.sh` is the way in: it finds the programs, builds the command line, and says why
// when it has to skip. The `replace` lines of go.mod repeat k8sgpt's, which a dependent module does not inherit.
//
// What is left to others: the client's bytes and reading rules without Go (the Rust tests), the faults of a language
// model beyond slow, refusing and down, and the quality of answers (`evaluate`).
package k8sgpt
