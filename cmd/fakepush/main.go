// Command fakepush runs stand-ins for FCM, APNs and a Web Push service beside a Countersign server, for trying it out and for
// writing clients against it. It writes the credentials and the certificate authority that the server needs, and prints where
// everything is; what was delivered is read, and failures are scripted, over the control address.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/countersign/countersign/internal/fakepush"
)

const about = `Stand-ins for FCM, APNs and Web Push. Whoever reaches the control address sees what was sent: keep it on this machine.

The control address takes plain HTTP with JSON:

GET /deliveries?address=A&after=N&wait=S gives what arrived at a token or endpoint, Web Push decrypted.

POST /subscribe {"application_server_key":…} makes a browser's subscription.

POST /phone {"address":A,"off":true} switches a phone off. APNs keeps the latest push for it, FCM and Web Push what their rules keep.

POST /script {"address":A,"steps":[{"do":D,"times":N,"delay_ms":N,"retry_after":N,"timestamp":N}]} says what happens next there. D is ok, drop, hold,
blackhole, goaway, html502, garbage, flood, redirect, or the service's own word: UNREGISTERED, QUOTA_EXCEEDED, BadDeviceToken, Unregistered (with its
timestamp), TooManyProviderTokenUpdates; for Web Push and the token endpoint "oauth" a status such as 410.`

// The statuses this program ends with.
const (
	done     = 0
	failed   = 1
	wrongUse = 2
)

type options struct {
	Dir         string   `help:"Where the credentials, the authority and settings.env are written." default:"fakepush" placeholder:"DIR"`
	FCM         string   `name:"fcm" help:"Address of FCM and its token endpoint." default:"127.0.0.1:9081" placeholder:"HOST:PORT"`
	APNs        string   `name:"apns" help:"Address of APNs, production." default:"127.0.0.1:9082" placeholder:"HOST:PORT"`
	APNsSandbox string   `name:"apns-sandbox" help:"Address of APNs, sandbox." default:"127.0.0.1:9083" placeholder:"HOST:PORT"`
	WebPush     string   `name:"web-push" help:"Address of the Web Push service." default:"127.0.0.1:9084" placeholder:"HOST:PORT"`
	Control     string   `name:"control" help:"Address to read deliveries and script failures at, plain http." default:"127.0.0.1:9085" placeholder:"HOST:PORT"`
	Host        []string `help:"One more name or address for the certificate." placeholder:"NAME"`
	Topic       string   `help:"Bundle id of the iPhone app." default:"test.countersign.companion" placeholder:"ID"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: one line of JSON on out once the services listen, words for people on log, until ctx ends.
func run(ctx context.Context, args []string, out, log io.Writer) int {
	var o options
	exited := false
	parser, err := kong.New(&o, kong.Name("fakepush"), kong.Description(about), kong.Writers(out, log), kong.Exit(func(int) { exited = true }))
	if err != nil {
		_, _ = fmt.Fprintln(log, err)
		return failed
	}
	_, err = parser.Parse(args)
	if exited { // --help was asked for and answered
		return done
	}
	if err != nil {
		_, _ = fmt.Fprintln(log, err)
		return wrongUse
	}
	if err := serve(ctx, o, out, log); err != nil {
		_, _ = fmt.Fprintln(log, "fakepush:", err)
		return failed
	}
	return done
}

func serve(ctx context.Context, o options, out, log io.Writer) error {
	f, err := fakepush.New(fakepush.Options{
		FCMAddr: o.FCM, APNsAddr: o.APNs, APNsSandboxAddr: o.APNsSandbox, WebPushAddr: o.WebPush, ControlAddr: o.Control,
		Hosts: o.Host, Topic: o.Topic,
	})
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the process ends with it
	settings, err := write(o.Dir, f)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(f.Where()); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(log, "listening; start the server with the settings in %s\n", settings)
	<-ctx.Done()
	return nil
}

// write leaves what a server needs in dir. The keys are new each time and open nothing but these fakes, but they look like secrets
// and are kept like some.
func write(dir string, f *fakepush.Fake) (settings string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	webPush, err := url.Parse(f.WebPushURL)
	if err != nil {
		return "", err
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string][]byte{
		"ca.pem": f.CAPEM(), "fcm.json": f.FCMCredentials(), "apns.p8": f.APNsKeyPEM(),
		"settings.env": []byte(strings.Join([]string{
			"COUNTERSIGN_FCM_CREDENTIALS_FILE=" + path("fcm.json"), "COUNTERSIGN_FCM_ENDPOINT=" + f.FCMEndpoint(),
			"COUNTERSIGN_APNS_KEY_FILE=" + path("apns.p8"), "COUNTERSIGN_APNS_KEY_ID=" + f.APNsKeyID, "COUNTERSIGN_APNS_TEAM_ID=" + f.APNsTeamID,
			"COUNTERSIGN_APNS_TOPIC=" + f.Topic, "COUNTERSIGN_APNS_HOST=" + f.APNsURL,
			"COUNTERSIGN_VAPID_SUBJECT=mailto:ops@acme.test", "COUNTERSIGN_PUSH_CA=" + path("ca.pem"),
			"COUNTERSIGN_PUSH_ALLOW_HOSTS=" + webPush.Host, "",
		}, "\n")),
	} {
		if err := os.WriteFile(path(name), content, 0o600); err != nil {
			return "", err
		}
	}
	return path("settings.env"), nil
}
