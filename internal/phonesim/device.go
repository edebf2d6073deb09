package phonesim

import (
	"context"
	"net/http"
)

// Device is what the server keeps about this phone.
type Device struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Platform      string `json:"platform"`
	State         string `json:"state"`
	KeyProtection string `json:"key_protection"`
	Push          struct {
		State string `json:"state"` // none, registered, working, failing or dead
	} `json:"push"`
}

// Me asks what the server keeps about this phone.
func (p *Phone) Me(ctx context.Context) (Device, error) {
	var d Device
	err := p.get(ctx, "/v1/device", &d)
	return d, err
}

// Remove takes the phone out of its workspace. From then on the server knows it no more.
func (p *Phone) Remove(ctx context.Context) error {
	_, err := p.Do(ctx, http.MethodDelete, "/v1/device", nil)
	return err
}

// Push is where a phone can be woken: kind fcm {token}, apns {token, env, topic} or webpush {endpoint, keys}.
type Push struct {
	Kind     string    `json:"kind"`
	Token    string    `json:"token,omitempty"`
	Env      string    `json:"env,omitempty"`   // production or sandbox
	Topic    string    `json:"topic,omitempty"` // bundle id
	Endpoint string    `json:"endpoint,omitempty"`
	Keys     *PushKeys `json:"keys,omitempty"`
	// VAPIDPublicKey is the server's key that the subscription was made with; empty means the current one.
	VAPIDPublicKey string `json:"vapid_public_key,omitempty"`
}

// PushKeys are a Web Push subscription's keys, base64url.
type PushKeys struct {
	P256DH string `json:"p256dh"`
	Auth   string `json:"auth"`
}

// PushState is what the server says about waking this phone.
type PushState struct {
	VAPIDPublicKey string `json:"vapid_public_key"`
	Registered     bool   `json:"registered"`
	Resubscribe    bool   `json:"resubscribe"` // made with a key that the server has replaced
}

// RegisterPush tells the server where to wake this phone.
func (p *Phone) RegisterPush(ctx context.Context, push Push) error {
	_, err := p.Do(ctx, http.MethodPut, "/v1/device/push", map[string]Push{"push": push})
	return err
}

// PushState asks whether the server can wake this phone.
func (p *Phone) PushState(ctx context.Context) (PushState, error) {
	var s PushState
	err := p.get(ctx, "/v1/device/push", &s)
	return s, err
}
