package main

import (
	"context"
	"crypto/ecdsa"
	"fmt"

	"github.com/countersign/countersign/internal/config"
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

// senders makes the senders that the settings ask for; vapid is asked for the server's key at each Web Push. Wrong credentials stop the start.
func senders(ctx context.Context, cfg config.Config, vapid func(context.Context) (*ecdsa.PrivateKey, error)) (pushing, error) {
	out := pushing{Mux: push.Mux{}}
	roots, err := push.Roots(cfg.PushCA)
	if err != nil {
		return out, err
	}
	if cfg.FCM.Credentials != "" {
		if out.Mux[push.FCM], err = fcm.New(ctx, fcm.Config{CredentialsJSON: []byte(cfg.FCM.Credentials.Reveal()), Endpoint: cfg.FCM.Endpoint, RootCAs: roots}); err != nil {
			return out, err
		}
	}
	if cfg.APNS.Key != "" {
		if out.Mux[push.APNs], err = apns.New(apns.Config{KeyPEM: []byte(cfg.APNS.Key.Reveal()), KeyID: cfg.APNS.KeyID, TeamID: cfg.APNS.TeamID,
			Topic: cfg.APNS.Topic, Host: cfg.APNS.Host, RootCAs: roots}); err != nil {
			return out, err
		}
	}
	guard, err := webpush.NewGuard(cfg.PushAllowHosts)
	if err != nil {
		return out, fmt.Errorf("%s: %w", config.Variable("push-allow-hosts"), err)
	}
	out.check = guard.CheckEndpoint
	out.Mux[push.WebPush], err = webpush.New(webpush.Config{Key: vapid, Subject: cfg.VAPIDSubject, RootCAs: roots, AllowHosts: cfg.PushAllowHosts})
	return out, err
}

// vapidKey is the server's key towards Web Push services, for signing.
func vapidKey(keys *serverkeys.Keys) func(context.Context) (*ecdsa.PrivateKey, error) {
	return func(ctx context.Context) (*ecdsa.PrivateKey, error) {
		k, err := keys.Current(ctx, serverkeys.VAPID)
		return k.Private, err
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
