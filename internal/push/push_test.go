package push_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/push"
)

var (
	now     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	confirm = push.Message{Type: push.Confirm, Confirmation: "cnf_4Kq8", Workspace: "wsp_1", Expires: now.Add(5 * time.Minute)}
	done    = push.Message{Type: push.Done, Confirmation: "cnf_4Kq8"}
)

func TestPayloadIsExactlyWhatTheWirePaperSays(t *testing.T) {
	for _, c := range []struct {
		name string
		m    push.Message
		want string
		data map[string]string
	}{
		{
			"a question", confirm, `{"t":"confirm","v":1,"cid":"cnf_4Kq8","ws":"wsp_1","exp":1772366700}`,
			map[string]string{"t": "confirm", "v": "1", "cid": "cnf_4Kq8", "ws": "wsp_1", "exp": "1772366700"},
		},
		{"a withdrawal", done, `{"t":"done","cid":"cnf_4Kq8"}`, map[string]string{"t": "done", "cid": "cnf_4Kq8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(c.m.Payload()); got != c.want {
				t.Errorf("payload %s, want %s", got, c.want)
			}
			if got := c.m.Data(); !maps.Equal(got, c.data) {
				t.Errorf("data %v, want %v", got, c.data)
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(c.m.Payload(), &fields); err != nil {
				t.Fatal(err)
			}
			if got, want := slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(c.m.Data())); !slices.Equal(got, want) {
				t.Errorf("payload has %v, data %v", got, want)
			}
		})
	}
}

func TestLife(t *testing.T) {
	for _, c := range []struct {
		name string
		typ  push.Type
		left time.Duration
		want time.Duration
	}{
		{"what is left of a question, in whole seconds", push.Confirm, 119*time.Second + 900*time.Millisecond, 119 * time.Second},
		{"nothing for a question that ends within the second", push.Confirm, 900 * time.Millisecond, 0},
		{"nothing for a question that ended", push.Confirm, -time.Minute, 0},
		{"ten minutes for the withdrawal of what ended", push.Done, -time.Minute, 10 * time.Minute},
		{"the question's life for an early withdrawal", push.Done, 12 * time.Minute, 12 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := push.Message{Type: c.typ, Confirmation: "c", Workspace: "w", Expires: now.Add(c.left)}
			if got := m.Life(now); got != c.want {
				t.Errorf("life %v, want %v", got, c.want)
			}
		})
	}
}

func TestValidateMessage(t *testing.T) {
	long := make([]byte, 65)
	for i := range long {
		long[i] = 'a'
	}
	for _, c := range []struct {
		name string
		m    push.Message
		ok   bool
	}{
		{"a question", confirm, true},
		{"a withdrawal", done, true},
		{"another type", push.Message{Type: "hello", Confirmation: "c", Workspace: "w", Expires: now}, false},
		{"no id", push.Message{Type: push.Done}, false},
		{"an id with a line end", push.Message{Type: push.Done, Confirmation: "a\nb"}, false},
		{"an id longer than a collapse id", push.Message{Type: push.Done, Confirmation: string(long)}, false},
		{"a question without workspace", push.Message{Type: push.Confirm, Confirmation: "c", Expires: now}, false},
		{"a question without end", push.Message{Type: push.Confirm, Confirmation: "c", Workspace: "w"}, false},
		{"a test", push.Message{Type: push.Test, Confirmation: "c", Expires: now}, true},
		{"news", push.Message{Type: push.News, Confirmation: "c", Expires: now}, true},
		{"news without end", push.Message{Type: push.News, Confirmation: "c"}, false},
		{"a test without end", push.Message{Type: push.Test, Confirmation: "c"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.m.Validate(); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

type recorder struct{ sent []push.Message }

func (r *recorder) Send(_ context.Context, _ push.Address, m push.Message) push.Result {
	r.sent = append(r.sent, m)
	return push.Result{Outcome: push.Sent}
}

func TestMux(t *testing.T) {
	fcm := push.Address{Kind: push.FCM, Token: "token-1"}
	for _, c := range []struct {
		name string
		to   push.Address
		m    push.Message
		want push.Outcome
	}{
		{"its kind's sender", fcm, confirm, push.Sent},
		{"no sender of the kind", push.Address{Kind: push.APNs}, confirm, push.NotConfigured},
		{"a nil sender", push.Address{Kind: push.WebPush}, confirm, push.NotConfigured},
		{"no kind", push.Address{}, confirm, push.NotConfigured},
		{"a message out of shape", fcm, push.Message{}, push.Rejected},
		{"an address out of shape", push.Address{Kind: push.FCM, Token: "a b"}, confirm, push.Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := new(recorder)
			got := push.Mux{push.FCM: r, push.WebPush: nil}.Send(t.Context(), c.to, c.m)
			if got.Outcome != c.want {
				t.Errorf("outcome %q, want %q", got.Outcome, c.want)
			}
			if asked := len(r.sent) > 0; asked != (c.want == push.Sent) {
				t.Errorf("sender asked: %v", asked)
			}
		})
	}
}
