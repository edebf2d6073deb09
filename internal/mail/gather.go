package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/outbox"
)

// gathered are the kinds of notice that can come by the hundred, as when a company gets its phones, with the kind of the mail that tells of
// several. The first one is mailed at once; what follows within an hour of it is told in one mail at its end.
var gathered = map[string]string{"colleague.device_added": "colleague.devices_added"}

const mostNamed = 20 // of those who are named in a mail that tells of several

// gatheredMail are the notices of a kind that one person was handed from a time on, until before another.
type gatheredMail struct {
	Workspace string    `json:"workspace"`
	Person    string    `json:"person"`
	Kind      string    `json:"kind"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	Second    string    `json:"second"` // the notice that began it: one before it, handed on in the same moment, has its own mail
	SecondAt  time.Time `json:"second_at"`
}

// gather counts a notice and says whether it has a mail of its own. The second one of an hour begins the mail that tells of it and of those that
// follow.
func (s *Service) gather(tx database.Tx, n notice.Outgoing, now time.Time) (alone bool, err error) {
	count, left, err := limit.Count(tx, "mail "+n.Kind+" "+n.Person, gather)
	if err != nil || count != 2 {
		return count == 1, err
	}
	counted, err := tx.Now() // the hour is over no sooner than this says: who comes after it has a mail of their own again
	if err != nil {
		return false, err
	}
	until := counted.Add(left)
	body, err := json.Marshal(gatheredMail{n.Workspace, n.Person, n.Kind, now, until, n.ID, n.CreatedAt})
	if err != nil {
		return false, err
	}
	return false, s.Outbox.Add(tx, gatherTask, body, until, until.Add(keep))
}

func (s *Service) sendGathered(ctx context.Context, t outbox.Task) error {
	var g gatheredMail
	if err := json.Unmarshal(t.Payload, &g); err != nil {
		return err
	}
	all, err := notice.HandedOn(s.DB.Read(ctx), g.Workspace, g.Person, g.Kind, notice.Span{From: g.From, Until: g.Until, First: g.Second, FirstAt: g.SecondAt})
	if err != nil || len(all) == 0 {
		return err // those whom they were about were forgotten since
	}
	n := noticeMail{g.Workspace, g.Person, g.Kind, all[0].Params, all[0].CreatedAt}
	if len(all) > 1 {
		n.Kind, n.Params = gathered[g.Kind], map[string]any{"count": len(all), "list": named(all), "until": g.Until.UTC().Format(time.RFC3339)}
	}
	m, err := s.write(ctx, n, t.ID)
	if err != nil {
		return gone(err)
	}
	return s.sent(ctx, n, m)
}

// named lists who and what notices are about, the oldest first, as far as a mail has room.
func named(all []notice.Notice) string {
	var out []string
	for _, n := range all[:min(len(all), mostNamed)] {
		out = append(out, fmt.Sprintf("%v (%v)", n.Params["person"], n.Params["device"]))
	}
	if len(all) > mostNamed {
		out = append(out, "…")
	}
	return strings.Join(out, ", ")
}
