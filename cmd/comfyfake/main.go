// Command comfyfake serves a fake Comfy Cloud.
//
//	comfyfake [serve] [flags]    serve, on 127.0.0.1:8188
//	comfyfake check PATH...      say what is wrong with fixtures
//	comfyfake schema             print the JSON Schema of fixtures
//	comfyfake health             ask a running server whether it is well
//	comfyfake version            print the version
//
// It exits with 0 when all is well, 1 when something failed and 2 when it was
// called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/comfyfake/comfyfake/fixtures"
)

// version is set when a release is built.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	p := program{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is what a run of the program has to do with the world.
type program struct {
	environ        []string
	stdout, stderr io.Writer
}

// command is a subcommand.
type command struct {
	name, arguments, short string
	run                    func(*program, context.Context, []string) error
}

func commands() []command {
	return []command{
		{"serve", "[flags]", "serve a fake Comfy Cloud (the default command)", (*program).serve},
		{"check", "PATH...", "say what is wrong with files and folders of fixtures", (*program).check},
		{"schema", "", "print the JSON Schema of files of fixtures, for editors", (*program).schema},
		{"health", "[--addr ADDR]", "ask a running server whether it is well", (*program).health},
		{"version", "", "print the version", (*program).version},
	}
}

// usageError is a wrong call of the program.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run carries out a command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	err := p.dispatch(ctx, args)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(p.stderr, "comfyfake: %v\nrun \"comfyfake help\" for usage\n", err)
		return 2
	}
	fmt.Fprintf(p.stderr, "comfyfake: %v\n", err)
	return 1
}

func (p *program) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") && !isHelp(args[0]) {
		return p.serve(ctx, args)
	}
	name, rest := args[0], args[1:]
	if isHelp(name) || name == "help" {
		return p.help(ctx, rest)
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(p, ctx, rest)
		}
	}
	return usagef("unknown command %q", name)
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// help prints an overview, or the help of one command.
func (p *program) help(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return p.dispatch(ctx, []string{args[0], "--help"})
	}
	fmt.Fprintf(p.stdout, "comfyfake is a fake Comfy Cloud for tests.\n\nUsage:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(p.stdout, "  comfyfake %-22s %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.short)
	}
	fmt.Fprintf(p.stdout, "\nFlags of serve, each also as a variable:\n\n")
	p.printFlags(newServeFlags(p).set)
	return nil
}

// flags makes the flag set of a command, with its help.
func (p *program) flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {} // parse prints it where it was asked for
	return set
}

// parse parses flags; whatever is wrong is a usage error.
func (p *program) parse(set *flag.FlagSet, args []string) error {
	err := set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.usage(set)
	case err != nil:
		return usageError{err}
	}
	return err
}

// usage prints the help of one command.
func (p *program) usage(set *flag.FlagSet) {
	for _, c := range commands() {
		if c.name == set.Name() {
			fmt.Fprintf(p.stdout, "Usage: comfyfake %s\n\n%s%s.\n", strings.TrimSpace(c.name+" "+c.arguments),
				strings.ToUpper(c.short[:1]), c.short[1:])
		}
	}
	p.printFlags(set)
}

// noArguments refuses arguments that a command has no use for.
func noArguments(set *flag.FlagSet) error {
	if set.NArg() > 0 {
		return usagef("%s takes no argument, got %q", set.Name(), set.Arg(0))
	}
	return nil
}

// check loads fixtures and reports every error.
func (p *program) check(_ context.Context, args []string) error {
	set := p.flags("check")
	if err := p.parse(set, args); err != nil {
		return err
	}
	if set.NArg() == 0 {
		return usagef("check takes the files or folders to check")
	}
	loaded, err := fixtures.Load(1, set.Args()...)
	var errs fixtures.Errors
	if errors.As(err, &errs) {
		fmt.Fprintln(p.stderr, err)
		return fmt.Errorf("%s in the fixtures", count(len(errs), "error"))
	}
	fmt.Fprintf(p.stdout, "ok: %s\n", contents(loaded))
	return nil
}

// contents sums a set of fixtures up, such as "1 file, 15 assets, 3 scripts".
func contents(set *fixtures.Set) string {
	return strings.Join([]string{
		count(len(set.Files), "file"), count(len(set.Assets), "asset"), count(len(set.Scripts), "script"),
	}, ", ")
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (p *program) schema(_ context.Context, args []string) error {
	set := p.flags("schema")
	if err := p.parse(set, args); err != nil {
		return err
	}
	if err := noArguments(set); err != nil {
		return err
	}
	_, err := p.stdout.Write(fixtures.JSONSchema())
	return err
}

func (p *program) version(_ context.Context, args []string) error {
	set := p.flags("version")
	if err := p.parse(set, args); err != nil {
		return err
	}
	if err := noArguments(set); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "comfyfake %s (%s %s/%s)\n", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func versionName() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
