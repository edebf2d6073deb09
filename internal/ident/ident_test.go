package ident

import (
	"regexp"
	"strings"
	"testing"
)

// The six digits of a confirmation have to be uniform, leading zeros included (SP 800-63B-4 §3.1.3.1). With 100,000 draws of each of six places
// the statistic exceeds 45 about once in a million runs.
func TestDigitsAreUniformInEveryPlace(t *testing.T) {
	const draws = 100_000
	var seen [6][10]int
	for range draws {
		for place, digit := range Digits(6) {
			seen[place][digit-'0']++
		}
	}
	for place, counts := range seen {
		chi := 0.0
		for _, n := range counts {
			d := float64(n) - draws/10
			chi += d * d / (draws / 10)
		}
		if chi > 45 {
			t.Errorf("place %d: chi-square %.1f over 9 degrees of freedom: %v", place+1, chi, counts)
		}
	}
}

func TestForms(t *testing.T) {
	for name, tc := range map[string]struct{ form, got string }{
		"an id":               {`^dev_[0-9A-Za-z]{22}$`, New("dev")},
		"a secret":            {`^[0-9A-Za-z_-]{22}$`, Secret(16)},
		"a typed code":        {`^[0-9A-HJKMNP-TV-Z]{8}$`, Code()},
		"a typed code, shown": {`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`, ShownCode(Code())},
	} {
		if !regexp.MustCompile(tc.form).MatchString(tc.got) {
			t.Errorf("%s: %q", name, tc.got)
		}
	}
	one, another := New("a")+Secret(16), New("a")+Secret(16)
	if one[:24] == another[:24] || one[24:] == another[24:] {
		t.Error("drawn twice")
	}
}

func TestATypedCodeIsReadInEverySpelling(t *testing.T) {
	for _, typed := range []string{"K7QX-93M1", "k7qx93m1", " K7QX 93MI ", "k7qx-93ml", "K7QX93M1"} {
		if got := NormalCode(typed); got != "K7QX93M1" {
			t.Errorf("%q reads %q", typed, got)
		}
	}
	if got := NormalCode("oO0"); got != strings.Repeat("0", 3) {
		t.Errorf("o, O and 0 read %q", got)
	}
}
