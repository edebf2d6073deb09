// Package chaos breaks the network between browser, phone, service, Postgres and push service at random while people confirm, and demands
// of every confirmation that it is paid out once at most, that no answer a phone was thanked for is lost, and that its dialog has a truthful
// end. Everything in it is a test: `go test ./internal/chaos` runs a few schedules, `make chaos` a thousand.
package chaos
