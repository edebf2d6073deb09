package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
)

// providers are stand-ins for all three, and the settings with which a service reaches them.
func providers(t *testing.T) (*fakepush.Fake, map[string]string) {
	t.Helper()
	fake, err := fakepush.New(fakepush.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	webPush, err := url.Parse(fake.WebPushURL)
	if err != nil {
		t.Fatal(err)
	}
	return fake, map[string]string{
		"COUNTERSIGN_FCM_CREDENTIALS": string(fake.FCMCredentials()), "COUNTERSIGN_FCM_ENDPOINT": fake.FCMEndpoint(),
		"COUNTERSIGN_APNS_KEY": string(fake.APNsKeyPEM()), "COUNTERSIGN_APNS_KEY_ID": fake.APNsKeyID, "COUNTERSIGN_APNS_TEAM_ID": fake.APNsTeamID,
		"COUNTERSIGN_APNS_TOPIC": fake.Topic, "COUNTERSIGN_APNS_HOST": fake.APNsURL, "COUNTERSIGN_PUSH_CA": string(fake.CAPEM()),
		"COUNTERSIGN_PUSH_ALLOW_HOSTS": webPush.Hostname(), "COUNTERSIGN_VAPID_SUBJECT": "mailto:ops@acme.test",
	}
}

// owner makes a workspace of that name and signs its Owner in.
func owner(t *testing.T, env map[string]string, r *running, slug string) *apitest.Browser {
	t.Helper()
	countersign(t, env, apitest.Password+"\n", "workspace", "create", "--slug", slug, "--name", slug, "--owner-name", "Ana Kovač",
		"--owner-email", "ana@"+slug+".test", "--owner-password-stdin").must(t, done)
	b := apitest.Visit(t, r.console, r.console)
	b.SignIn(slug, "ana@"+slug+".test")
	return b
}

// subscribed makes a subscription of a browser under the server's current key and registers it.
func subscribed(t *testing.T, fake *fakepush.Fake, p *phonesim.Phone) string {
	t.Helper()
	now, err := p.PushState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := fake.Subscribe(now.VAPIDPublicKey)
	err = p.RegisterPush(t.Context(), phonesim.Push{Kind: "webpush", Endpoint: s.Endpoint, VAPIDPublicKey: now.VAPIDPublicKey,
		Keys: &phonesim.PushKeys{P256DH: s.Keys.P256DH, Auth: s.Keys.Auth}})
	if err != nil {
		t.Fatal(err)
	}
	return s.Endpoint
}

// sends runs `doctor --send` and wants the provider to take it and the phone to have it.
func sends(t *testing.T, env map[string]string, fake *fakepush.Fake, p *phonesim.Phone, address string) {
	t.Helper()
	id := p.Identity().Device
	before := len(fake.Delivered(address))
	got := countersign(t, env, "", "doctor", "--send", id)
	if state(t, got, "push to "+id) != "ok" {
		t.Fatalf("%s", got.stdout)
	}
	if len(fake.Delivered(address)) <= before {
		t.Error("the provider took it and the phone has nothing")
	}
}

func TestDoctorSendsThroughEachProvider(t *testing.T) {
	fake, env := providers(t)
	env["COUNTERSIGN_DATA_DIR"] = t.TempDir()
	r := serve(t, env)
	apple := fake.APNsToken("production")
	phones := map[string]*phonesim.Phone{
		"registration-of-ana": owner(t, env, r, "acme").Pair(phonesim.Options{Platform: "android", Push: &phonesim.Push{Kind: "fcm", Token: "registration-of-ana"}}),
		apple:                 owner(t, env, r, "beta").Pair(phonesim.Options{Push: &phonesim.Push{Kind: "apns", Token: apple, Env: "production", Topic: fake.Topic}}),
	}
	web := owner(t, env, r, "gamma").Pair(phonesim.Options{Platform: "web"})
	phones[subscribed(t, fake, web)] = web
	for address, p := range phones {
		sends(t, env, fake, p, address)
	}
	for _, c := range []struct {
		name, address, says string
		refusal             fakepush.Step
	}{
		{"fcm", "registration-of-ana", "UNREGISTERED", fakepush.Step{Do: "UNREGISTERED"}},
		{"apns", apple, "Unregistered", fakepush.Step{Do: "Unregistered"}},
	} {
		fake.Script(c.address, c.refusal)
		id := phones[c.address].Identity().Device
		got := countersign(t, env, "", "doctor", "--send", id)
		if got.code != failed || state(t, got, "push to "+id) != "failed" || !strings.Contains(got.stdout, c.says) || !strings.Contains(got.stderr, "FAIL") || !strings.Contains(got.stderr, "→") {
			t.Errorf("%s refuses: %d %s%s", c.name, got.code, got.stdout, got.stderr)
		}
	}
}

// wrongAccount is a service account as Google gives it out, with another private key in it: one that was deleted there.
func wrongAccount(t *testing.T, good []byte) string {
	t.Helper()
	var account map[string]any
	if err := json.Unmarshal(good, &account); err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account["private_key"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	b, err := json.Marshal(account)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wrongAppleKey is a signing key that Apple does not know.
func wrongAppleKey(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(phonesim.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestCredentialsOfFCMAndAPNsAreReplacedWithoutALostPush(t *testing.T) {
	fake, good := providers(t)
	good["COUNTERSIGN_DATA_DIR"] = t.TempDir()
	r := serve(t, good)
	apple := fake.APNsToken("production")
	android := owner(t, good, r, "acme").Pair(phonesim.Options{Platform: "android", Push: &phonesim.Push{Kind: "fcm", Token: "registration-of-ana"}})
	iphone := owner(t, good, r, "beta").Pair(phonesim.Options{Push: &phonesim.Push{Kind: "apns", Token: apple, Env: "production", Topic: fake.Topic}})
	r.stop()

	revoked := maps.Clone(good)
	revoked["COUNTERSIGN_FCM_CREDENTIALS"] = wrongAccount(t, fake.FCMCredentials())
	revoked["COUNTERSIGN_APNS_KEY"] = wrongAppleKey(t)
	alone := countersign(t, revoked, "", "doctor", "--send", iphone.Identity().Device)
	for _, check := range []string{"push credentials: fcm", "push credentials: apns", "push to " + iphone.Identity().Device} {
		if state(t, alone, check) != "failed" {
			t.Errorf("revoked credentials: %s is %s\n%s", check, state(t, alone, check), alone.stdout)
		}
	}
	revoked["COUNTERSIGN_FCM_CREDENTIALS_NEXT"] = string(fake.FCMCredentials())
	revoked["COUNTERSIGN_APNS_KEY_NEXT"], revoked["COUNTERSIGN_APNS_KEY_ID_NEXT"] = string(fake.APNsKeyPEM()), fake.APNsKeyID
	sends(t, revoked, fake, android, "registration-of-ana")
	sends(t, revoked, fake, iphone, apple)
	d := countersign(t, revoked, "", "doctor")
	if state(t, d, "next push credentials: fcm") != "ok" || state(t, d, "next push credentials: apns") != "ok" {
		t.Errorf("%s", d.stdout)
	}
	revoked["COUNTERSIGN_APNS_KEY_ID_NEXT"] = ""
	if half := countersign(t, revoked, "", "doctor"); half.code != wrongUse || !strings.Contains(half.stderr, "COUNTERSIGN_APNS_KEY_NEXT") {
		t.Errorf("a key without its id: %d %s", half.code, half.stderr)
	}
}

func TestTheVAPIDKeyIsReplacedAndBothAreUsedMeanwhile(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		fake, more := providers(t)
		maps.Copy(env, more)
		r := serve(t, env)
		phones := []*phonesim.Phone{owner(t, env, r, "acme").Pair(phonesim.Options{Platform: "web"}), owner(t, env, r, "beta").Pair(phonesim.Options{Platform: "web"})}
		at := []string{subscribed(t, fake, phones[0]), subscribed(t, fake, phones[1])}
		old := fmt.Sprint(countersign(t, env, "", "keys", "rotate", "vapid").must(t, done).field(t, "old"))
		for i, p := range phones { // the browsers hold their push services to the old key
			sends(t, env, fake, p, at[i])
		}
		if !told(t, phones[0]) {
			t.Fatal("the phone is not told")
		}
		at[0] = subscribed(t, fake, phones[0]) // moves
		for i, p := range phones {
			sends(t, env, fake, p, at[i])
		}
		for _, k := range keysOf(t, env).ServerKeys {
			if k.Kid == old && k.Holding != 1 {
				t.Errorf("%d subscriptions hold to the old key", k.Holding)
			}
		}
		countersign(t, env, "", "keys", "end", old, "--yes").must(t, done)
		sends(t, env, fake, phones[0], at[0])
		id := phones[1].Identity().Device
		if got := countersign(t, env, "", "doctor", "--send", id); !strings.Contains(got.stdout, "no push address") {
			t.Errorf("a subscription under an ended key: %s", got.stdout)
		}
		at[1] = subscribed(t, fake, phones[1])
		sends(t, env, fake, phones[1], at[1])
	})
}

// told waits until the running service says that the subscription has to be made anew: it looks for another process's rotation once a second.
func told(t *testing.T, p *phonesim.Phone) bool {
	t.Helper()
	for began := time.Now(); time.Since(began) < 5*time.Second; {
		if now, err := p.PushState(t.Context()); err != nil || now.Resubscribe {
			return err == nil
		}
	}
	return false
}

func TestTheChallengeKeyIsReplacedWhileTheServiceRuns(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		r := serve(t, env)
		ana := owner(t, env, r, "acme")
		phone := ana.Pair(phonesim.Options{})
		late := owner(t, env, r, "beta").Pair(phonesim.Options{})
		old := phone.Identity().ServerKeys[0].KID
		rotated := countersign(t, env, "", "keys", "rotate", "challenge").must(t, done)
		fresh := fmt.Sprint(rotated.field(t, "new"))
		for began := time.Now(); phone.Identity().ServerKeys[0].KID != fresh; { // the service asks once a second which key is current
			if _, err := phone.Pending(t.Context()); err != nil || time.Since(began) > 5*time.Second {
				t.Fatalf("after %v the phone holds to %+v (%v)", time.Since(began), phone.Identity().ServerKeys, err)
			}
		}
		asked := ana.Ask()
		if c, err := phone.Open(t.Context(), asked.Text("id")); err != nil || c.KID != fresh {
			t.Errorf("asked under %s (%v)", c.KID, err)
		}
		if state, err := phone.Approve(t.Context(), asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil || state != "approved" {
			t.Errorf("%s %v", state, err)
		}
		if d := countersign(t, env, "", "doctor", "--json"); state(t, d, "replaced keys") != "warning" || d.stderr != "" && strings.Contains(d.stderr, "→") {
			t.Errorf("%s%s", d.stdout, d.stderr)
		}
		if asks := countersign(t, env, "", "keys", "end", old).must(t, done); asks.field(t, "holding") != 1.0 {
			t.Errorf("%s", asks.stdout)
		}
		countersign(t, env, "", "keys", "end", old, "--yes").must(t, done)
		if _, err := late.Pending(t.Context()); !phonesim.HasCode(err, 401, "unauthorized") {
			t.Errorf("the phone that did not move: %v", err)
		}
		if _, err := phone.Pending(t.Context()); err != nil {
			t.Errorf("the phone that moved: %v", err)
		}
	})
}
