package main

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
)

var typedCode = regexp.MustCompile(`on the phone: (\d{3}) (\d{3})\n`)

func TestSupportRegeneratesATokenOnlyWhenThePhoneSaysSo(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		countersign(t, env, apitest.Password+"\n", "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
			"--owner-email", "ana@acme.test", "--owner-password-stdin").must(t, done)
		r := serve(t, env)
		ana := apitest.Visit(t, r.console, r.console)
		ana.SignIn("acme", "ana@acme.test")
		phone := ana.Pair(phonesim.Options{Platform: "ios"})

		// ask runs the command and answers on the phone while it waits.
		ask := func(answer func(cid, code string)) outcome {
			stdout, stderr := newWatched(), newWatched()
			code := make(chan int, 1)
			args := []string{"token", "regenerate", "--workspace", "acme", "--requested-by", "ana@acme.test", "--operator", "Sam", "--reason", "it leaked", "--overlap", "2h"}
			go func() {
				code <- run(context.Background(), args, func(k string) string { return env[k] }, strings.NewReader(""), stdout, stderr)
			}()
			stderr.await(t, "They type this code")
			found := typedCode.FindStringSubmatch(stderr.String())
			waiting, err := phone.Pending(t.Context())
			if err != nil || len(waiting) != 1 || found == nil {
				t.Fatalf("%v %v: %s", waiting, err, stderr)
			}
			answer(waiting[0].CID, found[1]+found[2])
			return outcome{<-code, stdout.String(), stderr.String()}
		}

		denied := ask(func(cid, _ string) {
			if _, err := phone.Deny(t.Context(), cid, "not_me"); err != nil {
				t.Error(err)
			}
		})
		if denied.code != failed || denied.stdout != "" || !strings.Contains(denied.stderr, "Nothing was changed") {
			t.Errorf("denied: %d %s%s", denied.code, denied.stdout, denied.stderr)
		}
		confirmed := ask(func(cid, code string) {
			if _, err := phone.Approve(t.Context(), cid, phonesim.ApproveOptions{Code: code}); err != nil {
				t.Error(err)
			}
		}).must(t, done)
		if confirmed.field(t, "confirmed") != true || confirmed.field(t, "hint") == "" || confirmed.field(t, "previous", "valid_until") == nil {
			t.Errorf("%s", confirmed.stdout)
		}
		for _, c := range []struct{ workspace, by, operator, reason, says string }{
			{"nowhere", "ana@acme.test", "Sam", "r", `there is no workspace "nowhere"`},
			{"acme", "nobody@acme.test", "Sam", "r", `has the e-mail address "nobody@acme.test"`},
			{"acme", "ana@acme.test", " ", "r", "cannot be empty"},
			{"acme", "ana@acme.test", "Sam", "", "cannot be empty"},
		} {
			got := countersign(t, env, "", "token", "regenerate", "--workspace", c.workspace, "--requested-by", c.by, "--operator", c.operator, "--reason", c.reason, "--without-confirmation")
			if got.code == done || !strings.Contains(got.stderr, c.says) {
				t.Errorf("%+v: %d %s", c, got.code, got.stderr)
			}
		}
		if strings.Contains(confirmed.stdout+confirmed.stderr+r.stderr.String(), "cs_scim_") {
			t.Error("the token is shown; it is retrieved by View Token alone")
		}
	})
}

func TestDoctorSendsOnePushAndSaysWhatTheProviderAnswered(t *testing.T) {
	fake, err := fakepush.New(fakepush.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	env := map[string]string{"COUNTERSIGN_DATA_DIR": t.TempDir(), "COUNTERSIGN_FCM_CREDENTIALS": string(fake.FCMCredentials()),
		"COUNTERSIGN_FCM_ENDPOINT": fake.FCMEndpoint(), "COUNTERSIGN_PUSH_CA": string(fake.CAPEM())}
	countersign(t, env, apitest.Password+"\n", "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
		"--owner-email", "ana@acme.test", "--owner-password-stdin").must(t, done)
	r := serve(t, env)
	ana := apitest.Visit(t, r.console, r.console)
	ana.SignIn("acme", "ana@acme.test")
	phone := ana.Pair(phonesim.Options{Platform: "android", Push: &phonesim.Push{Kind: "fcm", Token: "registration-of-ana"}})
	before := len(fake.Delivered("registration-of-ana"))
	id := phone.Identity().Device
	if got := countersign(t, env, "", "doctor", "--send", id).must(t, done); state(t, got, "push to "+id) != "ok" {
		t.Errorf("%s", got.stdout)
	}
	if after := len(fake.Delivered("registration-of-ana")); after <= before { // the activation's own push may come late
		t.Error("the phone got no push")
	}
	if got := countersign(t, env, "", "doctor", "--send", "dev_none"); got.code != failed || state(t, got, "push to dev_none") != "failed" {
		t.Errorf("to no phone: %d %s", got.code, got.stdout)
	}
}
