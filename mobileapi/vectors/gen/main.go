// Command gen writes the test vectors of the mobile API (mobileapi/vectors/*.json): fixed keys, inputs, the bytes that are signed, and
// signatures over them, so that a client in any language can be checked without a server. It knows the published contract only, through the
// phone simulator, and always writes the same bytes: signatures are deterministic (RFC 6979).
//
//	go run ./mobileapi/vectors/gen
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// testOnly stands at the top of every file.
const testOnly = "The private keys in this file are published. They are for tests only: a service that accepts them is broken."

// encoding says how to read the files.
const encoding = "Members named *_hex are hexadecimal, *_json are text whose UTF-8 bytes count exactly as written, everything else binary is base64url without padding."

type head struct {
	About    string `json:"about"`
	Encoding string `json:"encoding"`
	TestOnly string `json:"test_only"`
}

func main() {
	dir := flag.String("dir", filepath.Join("mobileapi", "vectors"), "where to write the files")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string) error {
	files, err := build()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // published files
			return err
		}
	}
	return nil
}

// build makes all files, by name.
func build() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, content := range map[string]any{
		"pair.json":       pairFile(),
		"sas.json":        sasFile(),
		"challenge.json":  challengeFile(),
		"response.json":   responseFile(),
		"request.json":    requestFile(),
		"signature.json":  signatureFile(),
		"server-key.json": serverKeyFile(),
		"evil.json":       evilFile(),
	} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(content); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = slices.Clone(b.Bytes())
	}
	return files, nil
}
