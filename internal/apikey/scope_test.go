package apikey

import "testing"

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
