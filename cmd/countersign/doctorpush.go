package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/push"
)

// provable is a sender that can prove its credentials without waking anybody.
type provable interface {
	Check(ctx context.Context) push.Result
}

// push looks at the credentials of each provider: first whether they can be read, then whether the provider takes them.
func (d *diagnosis) push(ctx context.Context, cfg config.Config) {
	const do = "compare the setting with what the provider's console shows; a key that was revoked there has to be replaced (docs/operations.md, Keys)"
	roots, err := push.Roots(cfg.PushCA)
	if err != nil {
		d.add("push CA", err, "", "let --push-ca name a PEM certificate")
		return
	}
	current, next := cfg, cfg
	current.FCM.Next, current.APNS.Next = "", ""
	next.FCM.Credentials, next.FCM.Next = cfg.FCM.Next, ""
	next.APNS.Key, next.APNS.KeyID, next.APNS.Next = cfg.APNS.Next, cfg.APNS.NextID, ""
	for _, of := range []struct {
		name string
		cfg  config.Config
		next bool
	}{{"push", current, false}, {"next push", next, true}} {
		android, err := fcmSender(ctx, of.cfg, roots)
		d.provider(ctx, of.name+" credentials: fcm", android, err, of.next, do)
		apple, err := apnsSender(of.cfg, roots)
		d.provider(ctx, of.name+" credentials: apns", apple, err, of.next, do)
	}
	_, err = senders(ctx, cfg, func(context.Context, string) (*ecdsa.PrivateKey, error) { return nil, errors.New("not asked") })
	d.add("push credentials: webpush", err, "subject "+cfg.VAPIDSubject, "let --vapid-subject be a mailto: or https: address that push services take")
}

// provider notes one provider's credentials; quiet leaves out one that is off.
func (d *diagnosis) provider(ctx context.Context, name string, s push.Sender, err error, quiet bool, do string) {
	if err != nil {
		d.add(name, err, "", do)
		return
	}
	check, ok := s.(provable)
	if !ok {
		if !quiet {
			d.add(name, nil, "off: such phones hear of a request when the app is opened", "")
		}
		return
	}
	switch r := check.Check(ctx); r.Outcome {
	case push.Sent:
		d.add(name, nil, "the provider takes them", "")
	case push.Retry:
		d.add(name, warning{fmt.Errorf("the provider could not be asked: %s", r.Reason)}, "", "let this machine reach the provider, then run it again")
	default:
		d.add(name, fmt.Errorf("the provider refuses them: %s", r.Reason), "", do)
	}
}

// send sends one real push and notes what the provider answered.
func (d *diagnosis) send(p *process, c doctorCmd) {
	var said string
	err := p.offline(c.Store, c.Web, func(s *service) (err error) {
		said, err = s.pushOnce(p.ctx, c.Send)
		return err
	})
	d.add("push to "+c.Send, err, said, "the phone registers anew when its app is opened; a refusal of our credentials is said above")
}

// pushOnce sends one push for a question that does not exist: the phone wakes up, asks, and finds nothing.
func (s *service) pushOnce(ctx context.Context, id string) (said string, err error) {
	phone, err := device.Locate(s.db.Read(ctx), id)
	switch {
	case err != nil:
		return "", fmt.Errorf("no such phone: %w", err)
	case phone.Push == nil:
		return "", errors.New("this phone has registered no push address; it asks by itself when it is opened")
	}
	out, err := senders(ctx, s.cfg, vapidKey(s.domains.Keys, s.db))
	if err != nil {
		return "", err
	}
	r := out.Send(ctx, *phone.Push, push.Message{Type: push.Confirm, Confirmation: ident.New("cnf"), Workspace: phone.Workspace, Expires: time.Now().Add(time.Minute)})
	if r.Outcome != push.Sent {
		return "", fmt.Errorf("%s: %s %s", phone.Push.Kind, r.Outcome, r.Reason)
	}
	return strings.TrimSpace(fmt.Sprintf("%s took it %s", phone.Push.Kind, r.ProviderID)), nil
}
