// Command countersign is the whole service and its tools: it serves the console, SCIM and the companion, keeps the schema and the keyset, and
// has the operator's ways to workspaces and tokens. Everything is wired here, by hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/fault"
)

// Exit statuses.
const (
	done     = 0
	failed   = 1
	wrongUse = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// commands is the command line. Each command has the settings it needs, so that --help shows those and no others.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Serve the console, SCIM and the companion."`
	Demo    demoCmd    `cmd:"" help:"Serve a workspace with people of every role from a data folder of its own, to try things out."`
	Migrate migrateCmd `cmd:"" help:"Bring the schema up to date and exit. Several at once wait for each other."`
	Keys    struct {
		Init    keysInitCmd    `cmd:"" help:"Make a keyset file (mode 0600); one that exists is never replaced."`
		Rotate  keysRotateCmd  `cmd:"" help:"Add a key that is used from now on; the old ones go on serving what they made."`
		Promote keysPromoteCmd `cmd:"" help:"Let the key of the keyset that was staged seal from now on."`
		Reseal  keysResealCmd  `cmd:"" help:"Seal everything in the database anew with the key that seals now. A running service does it by itself."`
		Remove  keysRemoveCmd  `cmd:"" help:"Take a key out of the keyset; refused while something in the database needs it."`
		End     keysEndCmd     `cmd:"" help:"End a replaced challenge or vapid key for good: phones that did not move have to be paired again."`
		Status  keysStatusCmd  `cmd:"" help:"Say which keys there are and what still needs which."`
	} `cmd:"" help:"The keyset that seals secrets in the database, and the server's own keys in it."`
	Workspace struct {
		Create       workspaceCreateCmd `cmd:"" help:"Make a workspace, its Owner and its first SCIM token."`
		PasswordLink passwordLinkCmd    `cmd:"" help:"Break-glass: a link with which a person who lost every way in sets a password."`
	} `cmd:"" help:"Workspaces."`
	Token struct {
		Regenerate tokenRegenerateCmd `cmd:"" help:"Make a new SCIM token for somebody who asked support for it."`
	} `cmd:"" help:"SCIM tokens."`
	Audit struct {
		Verify auditVerifyCmd `cmd:"" help:"Check that nobody changed the audit: a signed export, without a network, or a workspace where it lies."`
		Key    auditKeyCmd    `cmd:"" help:"Print the fingerprints of the keys that sign the audit."`
		Erase  auditEraseCmd  `cmd:"" help:"Take a person's name, addresses and details out of the audit; the chain stays whole."`
	} `cmd:"" help:"The audit of what was done."`
	Recover recoverCmd `cmd:"" help:"Break-glass: a link with which a person can pair a new phone."`
	Unlock  unlockCmd  `cmd:"" help:"End the lock that wrong codes brought on somebody; with --freeze also a workspace's freeze after a report."`
	Backup  backupCmd  `cmd:"" help:"Copy the SQLite database to a file while the service runs."`
	Restore restoreCmd `cmd:"" help:"Bring a backup back. What is older than that is refused until --confirm."`
	Doctor  doctorCmd  `cmd:"" help:"Check the database, keyset, clock, addresses and push credentials."`
	Version versionCmd `cmd:"" help:"Say which version this is."`
}

// usageError is a command that was called wrongly: exit status 2.
type usageError struct{ error }

// run is the program without the process around it: it returns the exit status. Results go to stdout, logs and faults to stderr.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c commands
	env := config.NewEnvironment(getenv)
	p := &process{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	exited := false
	k, err := kong.New(&c, kong.Name("countersign"), kong.Description("Push-confirmed access to SCIM tokens, and the SCIM service they open."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { exited = true }), kong.Resolvers(env), kong.ValueFormatter(describe), kong.Bind(p),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return complain(stderr, err, failed)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := k.Parse(args)
	if exited { // --help has been printed; kong goes on parsing after an exit that does not end the process
		return done
	}
	if err != nil {
		return complain(stderr, fmt.Errorf("%w (countersign --help says more)", err), wrongUse)
	}
	if err := env.Err(); err != nil {
		return complain(stderr, err, wrongUse)
	}
	err = parsed.Run()
	var usage usageError
	switch {
	case err == nil:
		return done
	case errors.As(err, &usage):
		return complain(stderr, err, wrongUse)
	default:
		return complain(stderr, err, failed)
	}
}

// complain prints each fault on a line of its own.
func complain(w io.Writer, err error, status int) int {
	var f *fault.Error
	text := err.Error()
	if errors.As(err, &f) && f.Kind != fault.Internal {
		text = f.Detail
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		_, _ = fmt.Fprintln(w, "countersign: "+line)
	}
	return status
}

// describe adds a setting's environment variable to its help.
func describe(v *kong.Value) string {
	if v.Flag == nil || !config.Known(v.Name) {
		return v.Help
	}
	return fmt.Sprintf("%s ($%s)", strings.TrimSuffix(v.Help, "."), config.Variable(v.Name))
}
