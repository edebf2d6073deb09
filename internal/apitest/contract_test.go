package apitest

import (
	"net/http/httptest"
	"testing"
)

func TestTheContractCheckSeesWhatTheDocumentsDoNotKnow(t *testing.T) {
	all, err := contracts()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path   string
		status int
		body   string
	}{
		"a status":  {"/v1/device/push", 299, `{}`},
		"a field":   {"/v1/device/push", 200, `{"vapid_public_key":"x","registered":true,"secret":1}`},
		"a type":    {"/v1/device/push", 200, `{"vapid_public_key":"x","registered":"yes"}`},
		"an answer": {"/v1/confirmations/c", 200, `{"id":"c"}`},
		"a path":    {"/v1/device/unknown", 200, `{}`},
	} {
		kept := &recorder{ResponseWriter: httptest.NewRecorder(), status: tc.status}
		kept.Header().Set("Content-Type", "application/json")
		kept.body.WriteString(tc.body)
		if fits(all, httptest.NewRequest("GET", tc.path, nil), kept) == nil {
			t.Errorf("%s that no document knows passed", name)
		}
	}
}
