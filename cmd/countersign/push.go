package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/consoleapi"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/apns"
	"github.com/countersign/countersign/internal/push/fcm"
	"github.com/countersign/countersign/internal/push/webpush"
	"github.com/countersign/countersign/internal/serverkeys"
)

// pushing is every way to reach a phone that the settings allow. Without any provider everything works by pull.
type pushing struct {
	push.Mux
	// check refuses Web Push endpoints at private addresses (a client chooses them).
	check func(ctx context.Context, endpoint string) error
}

// senders makes the senders that the settings ask for; vapid is asked at each Web Push for the key that the subscription was made with. Wrong credentials stop the start.
func senders(ctx context.Context, cfg config.Config, vapid func(context.Context, string) (*ecdsa.PrivateKey, error)) (pushing, error) {
	out := pushing{Mux: push.Mux{}}
	roots, err := push.Roots(cfg.PushCA)
	if err != nil {
		return out, err
	}
	if out.Mux[push.FCM], err = fcmSender(ctx, cfg, roots); err != nil {
		return out, err
	}
	if out.Mux[push.APNs], err = apnsSender(cfg, roots); err != nil {
		return out, err
	}
	guard, err := webpush.NewGuard(cfg.PushAllowHosts)
	if err != nil {
		return out, fmt.Errorf("%s: %w", config.Variable("push-allow-hosts"), err)
	}
	out.check = guard.CheckEndpoint
	out.Mux[push.WebPush], err = webpush.New(webpush.Config{Key: vapid, Subject: cfg.VAPIDSubject, RootCAs: roots, AllowHosts: cfg.PushAllowHosts})
	return out, err
}

// fcmSender sends to FCM with the account that works, where a second one is about to take over; nil where FCM is off.
func fcmSender(ctx context.Context, cfg config.Config, roots *x509.CertPool) (push.Sender, error) {
	made := func(account config.Secret) (push.Sender, error) {
		return fcm.New(ctx, fcm.Config{CredentialsJSON: []byte(account.Reveal()), Endpoint: cfg.FCM.Endpoint, RootCAs: roots})
	}
	if cfg.FCM.Credentials == "" {
		return nil, nil
	}
	now, err := made(cfg.FCM.Credentials)
	if err != nil || cfg.FCM.Next == "" {
		return now, err
	}
	next, err := made(cfg.FCM.Next)
	return push.Either(now, next), err
}

// apnsSender sends to APNs with the key that works, where a second one is about to take over; nil where APNs is off.
func apnsSender(cfg config.Config, roots *x509.CertPool) (push.Sender, error) {
	made := func(key config.Secret, id string) (push.Sender, error) {
		return apns.New(apns.Config{KeyPEM: []byte(key.Reveal()), KeyID: id, TeamID: cfg.APNS.TeamID, Topic: cfg.APNS.Topic, Host: cfg.APNS.Host, RootCAs: roots})
	}
	if cfg.APNS.Key == "" {
		return nil, nil
	}
	now, err := made(cfg.APNS.Key, cfg.APNS.KeyID)
	if err != nil || cfg.APNS.Next == "" {
		return now, err
	}
	next, err := made(cfg.APNS.Next, cfg.APNS.NextID)
	return push.Either(now, next), err
}

// vapidKey is the server's key towards Web Push services, for signing: the one with an id, or the current one.
func vapidKey(keys *serverkeys.Keys, db *database.DB) func(context.Context, string) (*ecdsa.PrivateKey, error) {
	return func(ctx context.Context, id string) (*ecdsa.PrivateKey, error) {
		if id == "" {
			k, err := keys.Current(ctx, serverkeys.VAPID)
			return k.Private, err
		}
		k, err := keys.Of(db.Read(ctx), serverkeys.VAPID, id)
		return k.Private, err
	}
}

// pushCheck is the self-test of Web Push that the first run shows.
func pushCheck(subject string, keys *serverkeys.Keys) consoleapi.PushCheck {
	return func(ctx context.Context) string {
		k, err := keys.Current(ctx, serverkeys.VAPID)
		if err == nil {
			err = webpush.SelfTest(k.Private, subject, time.Now())
		}
		switch {
		case err == nil:
			return ""
		case errors.Is(err, webpush.ErrSubject):
			return consoleapi.PushSubject
		}
		return consoleapi.PushKey
	}
}

// vapidPublic is what browsers subscribe with.
func vapidPublic(keys *serverkeys.Keys) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		k, err := keys.Current(ctx, serverkeys.VAPID)
		if err != nil {
			return "", err
		}
		return webpush.PublicKey(k.Private)
	}
}
