package scimapi

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// What a bulk request did not come to in its time is named as not begun, unless it was to stop after the errors before.
func TestABulkRequestOutOfTimeSaysWhatItDidNotBegin(t *testing.T) {
	over, end := context.WithCancel(t.Context())
	end()
	for most, want := range map[int]string{0: "503", 1: ""} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest("POST", "/Bulk", nil).WithContext(over)
		b := &bulkRun{a: &API{}, c: &call{Context: c}, most: most, errors: most, ids: map[string]string{}, failed: map[string]bool{}, named: map[string]bool{},
			ops:     []bulkOperation{{method: "POST", path: "/Users", bulkID: "a"}, {method: "DELETE", path: "/Users/ppl_x"}},
			refers:  make([][]string, 2),
			twin:    make([]bool, 2),
			results: make([]*bulkResult, 2)}
		b.run()
		for i, r := range b.results {
			got := ""
			if r != nil {
				got = r.Status
			}
			if got != want {
				t.Errorf("failOnErrors %d: operation %d is %q, want %q", most, i, got, want)
			}
		}
	}
}
