package provisioning

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/scim"
)

// Result is how a call went.
type Result string

// The results.
const (
	OK        Result = "ok"
	Unchanged Result = "unchanged" // a change that found everything as it should be
	Failed    Result = "failed"
	Rejected  Result = "rejected" // the token was not, or no longer, good
	Slowed    Result = "slowed"   // too many calls at once
)

// The kinds of subject.
const (
	Person = "person"
	Team   = "team"
)

// Entry is one call as it is to be kept. Times are in UTC; bodies are as the client sent them and as it was answered, and are masked, cleaned
// and sealed on the way into the row.
type Entry struct {
	ID        string // NewID where it is needed before the row is written
	Workspace string
	At        time.Time
	Times     int64 // how many calls the row stands for; 0 counts as 1

	Result    Result
	Operation string // such as "user.create"
	Event     string // what came of it, such as "person.created"
	Status    int    // as answered
	Code      string // of a refusal, such as "DS-1201"
	Detail    string // of a refusal, as answered

	Kind, Subject, Key, Name string // whom it concerned: kind, id, folded userName or displayName, shown name
	Added, Removed, Unknown  int64  // members of a team
	FellFrom, FellTo         int64  // members of a team before and after, where more than half have gone

	Token, TokenHint string
	TokenStory       string // of a rejected token: whose it was and what became of it
	Note             string // one more sentence about a call that was let in
	Client           Client
	ReplayedBy       string // name of the person who replayed the call
	ReplayOf         string
	Bulk             string // id of the bulk call that it was a part of

	Method, Target, IfMatch  string
	RequestID, IP, UserAgent string
	Took                     time.Duration
	Body                     map[string]any // of the request, nil for none
	Raw                      []byte         // the same as it was sent; nil where it was not JSON
	Response                 any            // what was answered, nil for nothing that is worth keeping
	Before, After            map[string]any // what clients had written and have written now
	Found                    int64          // resources of a list, -1 for no list
}

// NewID is the id that a row of this time will have.
func NewID(at time.Time) string { return newID(at) }

const columns = `workspace_id, id, at, last_at, times, result, operation, event, status, code, sentence, subject_kind, subject_id, subject_key, subject_name, member_id,
	token_id, token_hint, client, client_basis, replayed_by, replay_of, bulk_id, method, target, request_id, ip, user_agent, took_us,
	added, removed, unknown, fold_key, search, detail, changes, request, response, sealed`

var marks = "(" + strings.TrimSuffix(strings.Repeat("?, ", strings.Count(columns, ",")+1), ", ") + ")"

const onConflict = ` ON CONFLICT (workspace_id, fold_key) WHERE fold_key <> '' AND resolved_at IS NULL
	DO UPDATE SET times = provisioning_log.times + excluded.times, last_at = excluded.last_at, request_id = excluded.request_id, took_us = excluded.took_us`

var insertOne = "INSERT INTO " + Into + " VALUES " + marks

// Into is the table and the columns of a row, for INSERT INTO … SELECT.
const Into = "provisioning_log (" + columns + ")"

// Row is the one statement that writes e, and its values, for the transaction of what it tells.
func (l *Log) Row(e *Entry) (insert string, values []any, err error) {
	values, err = l.values(e)
	if err != nil {
		return "", nil, err
	}
	if e.foldKey() != "" {
		return insertOne + onConflict, values, nil
	}
	return insertOne, values, nil
}

// values are the columns of e, in their order.
func (l *Log) values(e *Entry) ([]any, error) {
	if e.ID == "" {
		e.ID = newID(e.At)
	}
	sealed, err := l.seal(e)
	if err != nil {
		return nil, err
	}
	sentence := e.sentence()
	if e.Note != "" {
		sentence += " " + e.Note
	}
	target, members := clip(e.Target, 1000), e.members()
	return []any{e.Workspace, e.ID, e.At, e.At, max(1, e.Times), string(e.Result), e.Operation, e.Event, e.Status, e.Code, sentence,
		e.Kind, clip(e.Subject, 100), clip(e.Key, keyMost), clip(e.Name, 200), only(members), e.Token, e.TokenHint, e.Client.Name, e.Client.Basis, clip(e.ReplayedBy, 200), e.ReplayOf,
		e.Bulk, e.Method, target, clip(e.RequestID, 100), clip(e.IP, 64), clip(e.UserAgent, 256), e.Took.Microseconds(),
		e.Added, e.Removed, e.Unknown, e.foldKey(), searchText(sentence, target, members, e), clip(e.Detail, 500),
		e.changes(), maskedBody(e.Body), maskedBody(e.Response), sealed}, nil
}

// keyMost is how much of a folded name is kept and compared.
const keyMost = 300

// searchText is what free text looks in.
func searchText(sentence, target string, members []string, e *Entry) string {
	if plain, err := url.QueryUnescape(target); err == nil {
		target = clip(plain, 1000)
	}
	return scim.Fold(strings.Join([]string{sentence, clip(e.Key, keyMost), e.Subject, target, e.Code, clip(e.RequestID, 100),
		strings.Join(members, " ")}, " "))
}

// foldKey is the same for failures that are the same: of one day, because a row that counts for ever would hide when. "" folds with nothing.
func (e *Entry) foldKey() string {
	var what []string
	switch {
	case e.ReplayOf != "" || e.Bulk != "":
		return ""
	case e.Result == Failed:
		sum := sha256.Sum256(e.Raw)
		what = []string{e.Operation, e.Method, e.Target, e.Subject, e.Key, e.Code, e.Token, string(sum[:])}
	case e.Result == Rejected:
		what = []string{e.Token, e.TokenStory}
	case e.Result == Slowed:
		what = []string{e.Token}
	default:
		return ""
	}
	h := sha256.New()
	for _, w := range append(what, string(e.Result), strconv.Itoa(e.Status), e.At.UTC().Format(time.DateOnly)) {
		h.Write(strconv.AppendInt(nil, int64(len(w)), 10))
		h.Write([]byte{0})
		h.Write([]byte(w))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// clip is s in n bytes at most, cut at a letter, without control characters.
func clip(s string, n int) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			break
		}
	}
	if !clean {
		s = strings.ToValidUTF8(s, "")
		s = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, s)
	}
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
