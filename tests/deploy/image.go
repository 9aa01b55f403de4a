// Command image reads a Dockerfile as BuildKit does, which is what `docker build` runs, without building anything.
//
//	image lint DOCKERFILE            what BuildKit's own checks find; then the configuration of the image, as JSON
//	image context DIRECTORY          the files that .dockerignore lets through, each ended by a NUL
//
// Exits with 1 when something is found, with 2 when it cannot look.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// The platforms that the image is meant for.
var platforms = []ocispecs.Platform{
	{OS: "linux", Architecture: "amd64"},
	{OS: "linux", Architecture: "arm64"},
}

// errFound says that the checks found something; it was printed.
var errFound = errors.New("something was found")

// baseImages answers for the registries: it notes which images are asked for, and tells of each the platform alone. So no
// check depends on a registry, nor on what a base image has in it.
type baseImages struct{ names []string }

func (b *baseImages) ResolveImageConfig(_ context.Context, name string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if !slices.Contains(b.names, name) {
		b.names = append(b.names, name)
	}
	config, err := json.Marshal(ocispecs.Image{Platform: *opt.ImageOpt.Platform})
	return name, "", config, err
}

// image is what `image lint` prints.
type image struct {
	BaseImages []string             `json:"base_images"`
	Config     ocispecs.ImageConfig `json:"config"`
}

func lint(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	bases, result := &baseImages{}, image{}
	for _, platform := range platforms {
		source := llb.NewSourceMap(nil, filepath.Base(path), "Dockerfile", text)
		source.Definition = &llb.Definition{}
		options := dockerfile2llb.ConvertOpt{
			SourceMap:      source,
			TargetPlatform: &platform,
			MetaResolver:   bases,
		}
		results, err := dockerfile2llb.DockerfileLint(context.Background(), text, options)
		if err != nil {
			return err
		}
		if len(results.Warnings) > 0 || results.Error != nil {
			if err := results.PrintTo(os.Stderr, nil); err != nil {
				return err
			}
			if results.Error != nil {
				fmt.Fprintf(os.Stderr, "%s: %s\n", path, results.Error.Message)
			}
			return errFound
		}
		built, err := dockerfile2llb.Dockerfile2LLB(context.Background(), text, options)
		if err != nil {
			return err
		}
		result.Config = built.Image.Config.ImageConfig
	}
	result.BaseImages = bases.names
	return json.NewEncoder(os.Stdout).Encode(result)
}

func buildContext(root string) error {
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		// Large, and never let through; other directories may hold exceptions.
		if entry.IsDir() {
			if name == ".git" || name == "target" {
				return fs.SkipDir
			}
			return nil
		}
		skip, err := ignored.MatchesOrParentMatches(filepath.ToSlash(name))
		if err != nil || skip {
			return err
		}
		_, err = out.WriteString(name + "\x00")
		return err
	})
}

func main() {
	usage := errors.New("usage: image lint DOCKERFILE | image context DIRECTORY")
	err := usage
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "lint":
			err = lint(os.Args[2])
		case "context":
			err = buildContext(os.Args[2])
		}
	}
	if errors.Is(err, errFound) {
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(2)
	}
}
