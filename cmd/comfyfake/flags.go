package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/comfyfake/comfyfake/fake"
	"github.com/comfyfake/comfyfake/fixtures"
)

const (
	defaultAddr = "127.0.0.1:8188"
	envPrefix   = "COMFYFAKE_"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	program *program
	set     *flag.FlagSet

	addr        string
	fixtures    list
	seed        int64
	keys        list
	origins     list
	unknown     string
	logFormat   string
	logRequests bool
}

func newServeFlags(p *program) *serveFlags {
	f := &serveFlags{program: p, set: p.flags("serve"), seed: fake.DefaultSeed, unknown: "404", logFormat: "text"}
	f.set.StringVar(&f.addr, "addr", defaultAddr, "listen on `ADDR`; port 0 takes any that is free")
	f.set.Var(&f.fixtures, "fixtures", "start with the fixtures of `PATH`, a file or folder, in place of the embedded set, which is called \"embedded\" here; repeatable")
	f.set.Var((*integer)(&f.seed), "seed", "generate from seed `N`")
	f.set.Var(&f.keys, "api-key", "accept `KEY`; repeatable (default: any that is not empty)")
	f.set.Var(&f.origins, "cors-origin", "let pages of `ORIGIN` read answers; repeatable (default: any)")
	f.set.Var(&choice{&f.unknown, []string{"404", "generate"}}, "unknown", "answer unknown ids with `404|generate`: an error, or an asset made for the id")
	f.set.Var(&choice{&f.logFormat, []string{"text", "json"}}, "log-format", "log as `text|json`")
	f.set.BoolVar(&f.logRequests, "log-requests", false, "log every request")
	return f
}

// parse takes flags first, then variables, then defaults.
func (f *serveFlags) parse(args []string) error {
	if err := f.program.fromEnvironment(f.set); err != nil {
		return err
	}
	for _, l := range []*list{&f.fixtures, &f.keys, &f.origins} {
		l.fromEnv = len(l.values) > 0
	}
	if err := f.program.parse(f.set, args); err != nil {
		return err
	}
	if f.set.NArg() > 0 {
		return usagef("serve takes no argument, got %q; fixtures are given with --fixtures", f.set.Arg(0))
	}
	if slices.Contains(f.keys.values, "") {
		return usagef("--api-key must not be empty")
	}
	return nil
}

func (f *serveFlags) options(set *fixtures.Set, logger *slog.Logger) []fake.Option {
	options := []fake.Option{
		fake.WithSeed(f.seed),
		fake.WithFixtureSet(set),
		fake.WithAPIKeys(f.keys.values...),
		fake.WithCORSOrigins(f.origins.values...),
		fake.WithLogger(logger, f.logRequests),
	}
	if f.unknown == "generate" {
		options = append(options, fake.WithUnknownGenerated())
	}
	return options
}

func (f *serveFlags) logger(w io.Writer) *slog.Logger {
	if f.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// list is a flag that may be given several times. The first one given on the
// command line replaces what the environment said.
type list struct {
	values  []string
	fromEnv bool
}

func (l *list) String() string { return strings.Join(l.values, ",") }

// Set adds a value.
func (l *list) Set(value string) error {
	if l.fromEnv {
		*l = list{}
	}
	l.values = append(l.values, value)
	return nil
}

// integer is a flag like those of flag.Int64Var, with a better error.
type integer int64

func (i *integer) String() string { return strconv.FormatInt(int64(*i), 10) }

// Set takes a decimal integer.
func (i *integer) Set(value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return errors.New("want an integer of 64 bits")
	}
	*i = integer(n)
	return nil
}

// choice is a flag with a few possible values.
type choice struct {
	value   *string
	allowed []string
}

func (c *choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

// Set takes one of the allowed values.
func (c *choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		return fmt.Errorf("want %s", strings.Join(c.allowed, " or "))
	}
	*c.value = value
	return nil
}

// variable is the name of the variable that stands for a flag.
func variable(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// fromEnvironment sets flags from variables; lists are separated by commas. A
// variable that stands for no flag of any command is refused, since it is a
// typing error, unless a container platform sets it.
func (p *program) fromEnvironment(set *flag.FlagSet) error {
	for _, entry := range p.environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || setByPlatform(name) {
			continue
		}
		flagName := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "_", "-"))
		if newServeFlags(p).set.Lookup(flagName) == nil {
			return usagef("unknown variable %s; there are %s", name, strings.Join(variables(p), ", "))
		}
		if target := set.Lookup(flagName); target != nil && value != "" {
			if err := setFromEnvironment(target, value); err != nil {
				return usagef("invalid value %q for variable %s: %v", value, name, err)
			}
		}
	}
	return nil
}

func setFromEnvironment(target *flag.Flag, value string) error {
	if _, ok := target.Value.(*list); !ok {
		return target.Value.Set(value)
	}
	for part := range strings.SplitSeq(value, ",") {
		if err := target.Value.Set(strings.TrimSpace(part)); err != nil {
			return err
		}
	}
	return nil
}

// setByPlatform tells the variables that Docker links and Kubernetes set for a
// service that is called comfyfake.
func setByPlatform(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	return rest == "PORT" || rest == "NAME" || strings.HasPrefix(rest, "PORT_") ||
		strings.HasPrefix(rest, "SERVICE_") || strings.HasPrefix(rest, "ENV_")
}

func variables(p *program) []string {
	var names []string
	newServeFlags(p).set.VisitAll(func(f *flag.Flag) { names = append(names, variable(f.Name)) })
	return names
}

// printFlags prints flags with their variables and defaults.
func (p *program) printFlags(set *flag.FlagSet) {
	set.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(p.stdout, "  %-28s %s\n", strings.TrimSpace("--"+f.Name+" "+value), variable(f.Name))
		fmt.Fprintf(p.stdout, "      %s\n", usage)
	})
}
