package main

import (
	"bytes"
	"context"
	"strings"
)

// verify checks a downloaded export as an auditor does: by a command that has neither the service's database nor its keys.
func (s *story) verify(ctx context.Context, in asking) (any, error) {
	var stdout, stderr bytes.Buffer
	nothing := func(string) string { return "" }
	code := run(ctx, []string{"audit", "verify", in.Path}, nothing, strings.NewReader(""), &stdout, &stderr)
	return map[string]any{"code": code, "said": stderr.String()}, nil
}
