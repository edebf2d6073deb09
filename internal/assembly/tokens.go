package assembly

import (
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/workspace"
)

// The kinds of notice about tokens whose words depend on who acted.
const (
	noticeRenewed  = "token.renewed"          // by a person of the workspace, with their phone
	noticeOperator = "token.regenerated"      // on the server itself, without asking a phone
	noticeSupport  = "token.renewed_support"  // on the server itself, and a phone has said yes
	noticeAnswer   = "token.support_answered" // to whoever had asked support for it
)

// tellTokens is where everything about tokens becomes news: a notice for each admin of the workspace but the one who did it. What else tells
// people (mail, webhooks) begins here too, in the transaction of the event.
func (m *Domains) tellTokens(tx database.Tx, e workspace.Event) error {
	admins, err := directory.Admins(tx.DB, e.Workspace)
	if err != nil {
		return err
	}
	kind, requester := e.Kind, e.For
	if kind == workspace.TokenRegenerated {
		switch {
		case e.By.Kind != actor.Operator:
			kind = noticeRenewed
		case e.By.Person != "":
			kind, requester = noticeSupport, e.By.Person
		default:
			kind = noticeOperator
		}
	}
	if requester != "" {
		if err := notice.Tell(tx, e.Workspace, []string{requester}, noticeAnswer, notice.Params(e.Params), e.At); err != nil {
			return err
		}
	}
	others := admins[:0:0]
	for _, id := range admins {
		if id != e.By.Person && id != requester {
			others = append(others, id)
		}
	}
	if err := notice.Tell(tx, e.Workspace, others, kind, notice.Params(e.Params), e.At); err != nil {
		return err
	}
	until, ok := e.Params["until"].(time.Time)
	switch {
	case ok && kind == workspace.TokenOverlapEnding: // too late by mail, perhaps: somebody has to act now
		return m.Confirms.PushNews(tx, e.Workspace, others, e.At, until)
	case kind == workspace.TokenExpiring:
		return m.pushNews(tx, e.Workspace, others, e.At)
	}
	return nil
}

// newsLife is how long a push is worth delivering that only says that there is something to read.
const newsLife = 24 * time.Hour

// pushNews wakes the phones of people who were told of something that should not wait until they open the console.
func (m *Domains) pushNews(tx database.Tx, in string, people []string, now time.Time) error {
	return m.Confirms.PushNews(tx, in, people, now, now.Add(newsLife))
}
