package confirm

import (
	"context"
	"encoding/json"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/push"
)

const taskNews = "confirm.news"

type newsTask struct {
	Workspace string    `json:"ws"`
	Person    string    `json:"person"`
	ID        string    `json:"id"`
	Until     time.Time `json:"until"`
}

// PushNews has the phones of people notified, once tx is committed, that there is something new to read before until: the push has no words
// about it, and the phone asks for the person's notices. It is best effort; the notice itself and its mail do not depend on it.
func (s *Service) PushNews(tx database.Tx, workspace string, people []string, now, until time.Time) error {
	for _, person := range people {
		b, err := json.Marshal(newsTask{workspace, person, ident.New("nws"), until.UTC()})
		if err != nil {
			return err
		}
		if err := s.Outbox.Add(tx, taskNews, b, now, until); err != nil {
			return err
		}
	}
	return nil
}

// news is the handler of taskNews. A phone that has it already shows it in the same place again.
func (s *Service) news(ctx context.Context, t outbox.Task) error {
	var n newsTask
	if err := json.Unmarshal(t.Payload, &n); err != nil {
		return err
	}
	phones, err := device.ActiveOf(s.DB.Read(ctx), n.Workspace, n.Person)
	if err != nil {
		return err
	}
	var again error
	for _, d := range phones {
		if d.Push == nil {
			continue
		}
		res := s.send(ctx, *d.Push, push.Message{Type: push.News, Confirmation: n.ID, Workspace: n.Workspace, Expires: n.Until})
		s.Log.Info("news pushed", "provider", d.Push.Kind, "outcome", res.Outcome, "reason", res.Reason)
		if res.Outcome == push.Retry {
			again = tryAgain(t, *d.Push, res)
		}
	}
	return again
}
