// Package config reads every setting of the service once, at its start, and finds all faults at once. It knows names, defaults and rules; it
// opens nothing but the files that settings name.
package config

// Store is what every command needs that opens the database. Each field is the flag --field-name and the environment variable
// COUNTERSIGN_FIELD_NAME; a flag beats the variable, which beats the default. Everything is text here: Load finds what is wrong with it.
type Store struct {
	DatabaseURL       Secret `name:"database-url" help:"sqlite:///absolute/path, sqlite://relative/path or postgres://… (default: countersign.db in the data folder)."`
	DatabaseDirectURL Secret `name:"database-direct-url" help:"Postgres itself, where the database URL leads through a pooler; for LISTEN and for changes of the schema."`
	DataDir           string `name:"data-dir" default:"./data" help:"Folder for SQLite, its keyset and the certificates of --lan and --acme-domain."`
	Keyset            string `name:"keyset" help:"File with the keyset that seals secrets in the database. SQLite makes keyset.json in the data folder by itself; on Postgres it must be named."`
}

// Web is what serving needs beside Store.
type Web struct {
	Addr           string `name:"addr" help:"Where the console and SCIM listen (default 127.0.0.1:8080; :443 with --acme-domain)."`
	CompanionAddr  string `name:"companion-addr" help:"Where the companion listens (default 127.0.0.1:8081; :8081 with --lan)."`
	PublicURL      string `name:"public-url" help:"The address of the console as people and identity providers type it, without a path."`
	CompanionURL   string `name:"companion-url" help:"The address of the companion, another origin than the public URL, without a path."`
	LAN            bool   `name:"lan" help:"Offer the companion to phones on this network, on https://<this machine>:8443 with a certificate of a local authority."`
	TLSCert        string `name:"tls-cert" help:"Certificate chain (PEM) for both listeners; read again when it changes."`
	TLSKey         string `name:"tls-key" help:"Private key (PEM) of --tls-cert."`
	ACMEDomain     string `name:"acme-domain" help:"Get certificates for this name (and the companion's) from Let's Encrypt; needs ports 443 and 80."`
	TrustedProxies string `name:"trusted-proxies" help:"Addresses or networks whose X-Forwarded-For and X-Forwarded-Host are believed, separated by commas (default: none)."`
	MetricsAddr    string `name:"metrics-addr" help:"Where Prometheus metrics and pprof listen (default: nowhere)."`
	Brand          string `name:"brand" default:"Countersign" help:"The name shown in the console and the companion."`
	FCMCredentials Secret `name:"fcm-credentials" help:"Service account of Firebase Cloud Messaging: its JSON, or the file that holds it."`
	FCMNext        Secret `name:"fcm-credentials-next" help:"The service account that takes over from --fcm-credentials; used where that one is refused."`
	FCMEndpoint    string `name:"fcm-endpoint" help:"Another address of FCM than Google's."`
	APNSKey        Secret `name:"apns-key" help:"APNs signing key (.p8): its text, or the file that holds it."`
	APNSKeyID      string `name:"apns-key-id" help:"Key id of --apns-key."`
	APNSKeyNext    Secret `name:"apns-key-next" help:"The APNs signing key that takes over from --apns-key; used where that one is refused."`
	APNSKeyIDNext  string `name:"apns-key-id-next" help:"Key id of --apns-key-next."`
	APNSTeamID     string `name:"apns-team-id" help:"Apple team of --apns-key."`
	APNSTopic      string `name:"apns-topic" help:"Bundle id of the companion app."`
	APNSHost       string `name:"apns-host" help:"Another address of APNs than Apple's."`
	VAPIDSubject   string `name:"vapid-subject" help:"mailto: or https: address by which Web Push services reach the operator (default: the public URL, where it is https on a real name)."`
	PushCA         string `name:"push-ca" help:"One more certificate authority for push services, webhooks and the mail server: PEM text, or the file that holds it."`
	PushAllowHosts string `name:"push-allow-hosts" help:"Host names that Web Push, webhooks and identity providers may be at though their addresses are private, separated by commas."`
	SMTPURL        Secret `name:"smtp-url" help:"Mail server, smtp://user:password@host:587 or smtps://… (default: none, nothing is mailed)."`
	MailFrom       string `name:"mail-from" help:"Sender of mails."`
	SCIMRate       string `name:"scim-rate" default:"100" help:"SCIM requests a second for each workspace; 0 is no limit, other values under 25 count as 25."`
	SessionIdle    string `name:"session-idle" default:"12h" help:"A sign-in ends after this time without activity."`
}
