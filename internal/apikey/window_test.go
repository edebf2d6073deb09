package apikey

import (
	"testing"
	"time"
)

func TestACallOverTheLimitOfItsMinuteIsToldWhenToComeBack(t *testing.T) {
	w := window{most: 2}
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		key   string
		after time.Duration
		wait  time.Duration
	}{{"a", 0, 0}, {"a", 10 * time.Second, 0}, {"b", 10 * time.Second, 0}, {"a", 20 * time.Second, 40 * time.Second}, {"a", 59 * time.Second, time.Second},
		{"a", time.Minute, 0}, {"a", 61 * time.Second, 0}, {"a", 62 * time.Second, 58 * time.Second}, {"a", -time.Second, 0}} {
		if got := w.take(c.key, began.Add(c.after)); got != c.wait {
			t.Errorf("%s after %v: %v, want %v", c.key, c.after, got, c.wait)
		}
	}
}

func TestWhatAPhoneShowsOfScopes(t *testing.T) {
	if got := Says([]Scope{LogRead, PeopleWrite, PeopleRead}); got != "read people; change people; read the provisioning log" {
		t.Error(got)
	}
	for _, s := range Scopes {
		if len(Says([]Scope{s})) < len("read teams") {
			t.Errorf("%s has no words", s)
		}
	}
}
