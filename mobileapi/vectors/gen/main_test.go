package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestPublishedFilesAreFresh(t *testing.T) {
	files, err := build()
	if err != nil {
		t.Fatal(err)
	}
	published, err := filepath.Glob(filepath.Join("..", "*.json"))
	if err != nil || len(published) != len(files) {
		t.Errorf("%d files are published, %d are made (%v)", len(published), len(files), err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: go run ./mobileapi/vectors/gen", name)
		}
	}
}

func TestFilesAreTheSameEachTime(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	again, err := build()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range again {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs the second time (%v)", name, err)
		}
	}
}
