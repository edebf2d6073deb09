package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/countersign/countersign/internal/config"
)

type line struct {
	config.Store `embed:""`
	config.Web   `embed:""`
}

// load does what the command line does: flags, then variables, then defaults.
func load(t *testing.T, env map[string]string, args ...string) (config.Config, error) {
	t.Helper()
	var l line
	e := config.NewEnvironment(func(k string) string { return env[k] })
	k, err := kong.New(&l, kong.Resolvers(e))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := e.Err(); err != nil {
		return config.Config{}, err
	}
	return config.Load(l.Store, l.Web, func() (string, error) { return "192.168.7.5", nil })
}

func TestDefaults(t *testing.T) {
	c, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]string{
		"public URL":    {c.PublicURL.String(), "http://localhost:8080"},
		"companion URL": {c.CompanionURL.String(), "http://localhost:8081"},
		"database":      {c.URL.Reveal(), "sqlite://data/countersign.db"},
		"keyset":        {c.Keyset, "data/keyset.json"},
		"brand":         {c.Brand, "Countersign"},
		"addresses":     {c.Addr + " " + c.CompanionAddr, "127.0.0.1:8080 127.0.0.1:8081"},
		"rate and idle": {fmt.Sprint(c.SCIMRate, c.SessionIdle), fmt.Sprint(100, 12*time.Hour)},
		"proxies":       {fmt.Sprint(len(c.TrustedProxies)), "0"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s, want %s", what, pair[0], pair[1])
		}
	}
}

func TestTheCompanionIsOnTheNetworkOnlyWhereItIsAskedFor(t *testing.T) {
	for flag, want := range map[string]string{"": "127.0.0.1:8081", "--lan": ":8081"} {
		var args []string
		if flag != "" {
			args = append(args, flag)
		}
		if c, err := load(t, nil, args...); err != nil || c.CompanionAddr != want || !config.OnlyHere(c.Addr) {
			t.Errorf("%q: companion on %s, console on %s (%v)", flag, c.CompanionAddr, c.Addr, err)
		}
	}
}

func TestAFlagBeatsTheVariableBeatsTheDefault(t *testing.T) {
	env := map[string]string{"COUNTERSIGN_BRAND": "Acme ID", "COUNTERSIGN_ADDR": "127.0.0.1:9000"}
	c, err := load(t, env, "--brand", "Flag ID")
	if err != nil {
		t.Fatal(err)
	}
	if c.Brand != "Flag ID" || c.Addr != "127.0.0.1:9000" || c.PublicURL.String() != "http://localhost:9000" {
		t.Errorf("brand %q, addr %q, public URL %s", c.Brand, c.Addr, c.PublicURL)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := load(t, map[string]string{
		"COUNTERSIGN_DATABASE_URL": "mysql://x", "COUNTERSIGN_ADDR": "8080", "COUNTERSIGN_PUBLIC_URL": "https://id.example.com/path",
		"COUNTERSIGN_TLS_CERT": "a.pem", "COUNTERSIGN_TRUSTED_PROXIES": "10.0.0.0/8, proxy", "COUNTERSIGN_SCIM_RATE": "many",
		"COUNTERSIGN_SESSION_IDLE": "1s", "COUNTERSIGN_APNS_KEY_ID": "ABC", "COUNTERSIGN_SMTP_URL": "ftp://x",
	})
	if err == nil {
		t.Fatal("all that was accepted")
	}
	for _, name := range []string{"DATABASE_URL", "ADDR", "PUBLIC_URL", "TLS_CERT", "TRUSTED_PROXIES", "SCIM_RATE", "SESSION_IDLE", "APNS_KEY", "SMTP_URL", "MAIL_FROM"} {
		if !strings.Contains(err.Error(), "COUNTERSIGN_"+name+" ") {
			t.Errorf("the fault in %s is not reported: %v", name, err)
		}
	}
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		name              string
		env               map[string]string
		public, companion string
		fault             string // part of it; "" for none
	}{
		{name: "localhost by default", public: "http://localhost:8080", companion: "http://localhost:8081"},
		{name: "the companion on the network", env: map[string]string{"LAN": "1"}, public: "http://localhost:8080", companion: "https://192.168.7.5:8443"},
		{name: "two names on https", env: map[string]string{"PUBLIC_URL": "https://ID.example.com/", "COMPANION_URL": "https://phone.example.com:443"},
			public: "https://id.example.com", companion: "https://phone.example.com"},
		{name: "one name, two ports", env: map[string]string{"PUBLIC_URL": "https://id.example.com", "COMPANION_URL": "https://id.example.com:8444"},
			public: "https://id.example.com", companion: "https://id.example.com:8444"},
		{name: "a certificate of one's own makes https the usual", env: map[string]string{"TLS_CERT": "c", "TLS_KEY": "k"},
			public: "https://localhost:8080", companion: "https://localhost:8081"},
		{name: "a name for Let's Encrypt is the public URL", env: map[string]string{"ACME_DOMAIN": "id.example.com", "COMPANION_URL": "https://phone.example.com"},
			public: "https://id.example.com", companion: "https://phone.example.com"},
		{name: "plain http on a network address", env: map[string]string{"PUBLIC_URL": "http://192.168.7.5:8080"}, fault: "plain http on the network"},
		{name: "plain http for the companion on a network address", env: map[string]string{"COMPANION_URL": "http://phone.example.com"}, fault: "plain http on the network"},
		{name: "one origin for both", env: map[string]string{"PUBLIC_URL": "https://id.example.com", "COMPANION_URL": "https://ID.example.com:443"}, fault: "same origin"},
		{name: "a public URL without a companion URL", env: map[string]string{"PUBLIC_URL": "https://id.example.com"}, fault: "COMPANION_URL"},
		{name: "a path", env: map[string]string{"COMPANION_URL": "http://localhost:8081/app"}, fault: "more than scheme, host and port"},
		{name: "a query", env: map[string]string{"PUBLIC_URL": "http://localhost:8080?x=1"}, fault: "more than scheme, host and port"},
		{name: "a password in the address is not repeated", env: map[string]string{"PUBLIC_URL": "https://u:hush@id.example.com"}, fault: "more than scheme, host and port"},
		{name: "no address at all", env: map[string]string{"PUBLIC_URL": "id.example.com"}, fault: "is an address such as"},
		{name: "both ways to https", env: map[string]string{"TLS_CERT": "c", "TLS_KEY": "k", "ACME_DOMAIN": "id.example.com", "COMPANION_URL": "https://p.example.com"}, fault: "choose one"},
		{name: "a certificate for another name than the public URL", env: map[string]string{"ACME_DOMAIN": "a.example.com", "PUBLIC_URL": "https://b.example.com", "COMPANION_URL": "https://p.example.com"}, fault: "is not the host"},
		{name: "both at one address", env: map[string]string{"ADDR": "127.0.0.1:1", "COMPANION_ADDR": "127.0.0.1:1"}, fault: "two addresses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{}
			for k, v := range c.env {
				env["COUNTERSIGN_"+k] = v
			}
			got, err := load(t, env)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "hush") {
					t.Errorf("fault %v, want one with %q", err, c.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.PublicURL.String() != c.public || got.CompanionURL.String() != c.companion {
				t.Errorf("%s and %s, want %s and %s", got.PublicURL, got.CompanionURL, c.public, c.companion)
			}
		})
	}
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	address := file("url", "postgres://u:hush@db/countersign\n")
	account := file("account.json", `{"type":"service_account"}`)
	for _, c := range []struct {
		name  string
		env   map[string]string
		want  string
		fault string
	}{
		{name: "named by the variable", env: map[string]string{"COUNTERSIGN_DATABASE_URL_FILE": address}, want: "postgres://u:hush@db/countersign"},
		{name: "both", env: map[string]string{"COUNTERSIGN_DATABASE_URL_FILE": address, "COUNTERSIGN_DATABASE_URL": "sqlite://x"}, fault: "both set"},
		{name: "not there", env: map[string]string{"COUNTERSIGN_DATABASE_URL_FILE": dir + "/nothing"}, fault: "COUNTERSIGN_DATABASE_URL_FILE"},
		{name: "for what is no secret", env: map[string]string{"COUNTERSIGN_BRAND_FILE": address}, fault: "only secrets"},
		{name: "a file as the value of a text", env: map[string]string{"COUNTERSIGN_FCM_CREDENTIALS": account}, want: "sqlite://data/countersign.db"},
		{name: "neither text nor file", env: map[string]string{"COUNTERSIGN_FCM_CREDENTIALS": "hush"}, fault: "nor is the name of a file"},
		{name: "a file of another kind", env: map[string]string{"COUNTERSIGN_APNS_KEY": account, "COUNTERSIGN_APNS_KEY_ID": "k", "COUNTERSIGN_APNS_TEAM_ID": "t", "COUNTERSIGN_APNS_TOPIC": "b"}, fault: "does not begin with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := load(t, c.env)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "hush") {
					t.Errorf("fault %v, want one with %q and no secret", err, c.fault)
				}
				return
			}
			if err != nil || got.URL.Reveal() != c.want {
				t.Errorf("%s (%v), want %s", got.URL.Reveal(), err, c.want)
			}
		})
	}
}

func TestNoWayOfPrintingShowsASecret(t *testing.T) {
	c := config.Config{Database: config.Database{URL: "postgres://u:hush@db/x"}, SMTPURL: "smtp://u:hush@mail"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("settings", "config", c, "url", c.URL)
	slog.New(slog.NewTextHandler(&log, nil)).Info("settings", "config", c, "url", c.URL)
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(body) + fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.URL, c.URL)
	if strings.Contains(shown, "hush") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

func TestOnlyHere(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, ":80": false, "0.0.0.0:80": false, "192.168.1.2:80": false} {
		if config.OnlyHere(addr) != want {
			t.Errorf("%s: want %v", addr, want)
		}
	}
}
