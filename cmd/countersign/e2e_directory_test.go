package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// What stands around a workspace outside: its identity provider's calls over SCIM, and DNS.

// scim makes one call as the workspace's identity provider would, with a token that nobody else of the story has seen.
func (s *story) scim(ctx context.Context, in asking) (any, error) {
	for range 2 {
		status, answer, err := s.scimCall(ctx, in)
		if err != nil || status != http.StatusUnauthorized {
			return map[string]any{"status": status, "body": answer}, err
		}
		if err := s.newProviderToken(); err != nil { // it has none yet, or another journey has replaced it
			return nil, err
		}
	}
	return nil, fmt.Errorf("a fresh token is refused")
}

func (s *story) scimCall(ctx context.Context, in asking) (int, json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, in.Method, s.console.URL+scimPath+in.Path, bytes.NewReader(in.Body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/scim+json")
	s.mu.Lock()
	req.Header.Set("Authorization", "Bearer "+s.provider)
	s.mu.Unlock()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if len(body) == 0 {
		body = []byte("null")
	}
	return res.StatusCode, body, err
}

// newProviderToken replaces the workspace's token with one for the identity provider.
func (s *story) newProviderToken() error {
	var result bytes.Buffer
	err := s.command(&result, "token", "regenerate", "--workspace", "acme", "--requested-by", "ana@acme.test", "--operator", "Sam", "--reason", "end-to-end test",
		"--overlap", "0s", "--without-confirmation", "--print")
	if err != nil {
		return err
	}
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(result.Bytes(), &made); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.provider = made.Token
	return nil
}

func (s *story) setTXT(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == nil {
		s.records = map[string][]string{}
	}
	s.records[name] = append(s.records[name], text)
}

// lookupTXT is the story's DNS.
func (s *story) lookupTXT(_ context.Context, name string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.records[name]
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return found, nil
}
