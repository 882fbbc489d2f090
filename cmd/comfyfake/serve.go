package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/comfyfake/comfyfake/fake"
	"github.com/comfyfake/comfyfake/fixtures"
)

// serve serves until ctx is done. Nothing is printed before everything that
// can fail at the start has been done.
func (p *program) serve(ctx context.Context, args []string) error {
	f := newServeFlags(p)
	if err := f.parse(args); err != nil {
		return err
	}
	set, err := p.load(f)
	if err != nil {
		return err
	}
	logger := f.logger(p.stderr)
	srv, err := fake.New(f.options(set, logger)...)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", f.addr)
	if err != nil {
		return listenError(f.addr, err)
	}
	p.announce(f, logger, "http://"+reachable(ln.Addr().String()), set)
	return srv.Serve(ctx, ln)
}

// load reads the fixtures, and says so where that takes long enough to wonder.
func (p *program) load(f *serveFlags) (*fixtures.Set, error) {
	if len(f.fixtures.values) == 0 {
		return fixtures.Embedded(f.seed), nil
	}
	if isTerminal(p.stderr) {
		timer := time.AfterFunc(time.Second, func() {
			fmt.Fprintf(p.stderr, "comfyfake: reading fixtures from %s ...\n", strings.Join(f.fixtures.values, ", "))
		})
		defer timer.Stop()
	}
	set, err := fixtures.Load(f.seed, f.fixtures.values...)
	if err != nil {
		return nil, fmt.Errorf("the fixtures are broken:\n%w", err)
	}
	return set, nil
}

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func listenError(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("cannot listen on %s: the port is in use; choose another with --addr, or 127.0.0.1:0 for any that is free", addr)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("cannot listen on %s: %w", addr, err)
}

// announce tells where the server is, and a request to try.
func (p *program) announce(f *serveFlags, logger *slog.Logger, url string, set *fixtures.Set) {
	try := f.try(url, set)
	if f.logFormat == "json" {
		logger.Info("listening", "url", url, "fixtures", contents(set), "try", try)
		return
	}
	fmt.Fprintf(p.stdout, "comfyfake %s listens on %s (%s)\ntry: %s\n", versionName(), url, contents(set), try)
}

// try is a curl that works as it stands.
func (f *serveFlags) try(url string, set *fixtures.Set) string {
	key := "any"
	if len(f.keys.values) > 0 {
		key = f.keys.values[0]
	}
	id := unscripted(set)
	if id == "" && f.unknown == "generate" {
		id = "00000000-0000-4000-8000-000000000001"
	}
	if id == "" {
		return "curl " + url + "/_fake/health"
	}
	return fmt.Sprintf("curl -H 'X-API-Key: %s' %s/api/assets/%s", strings.ReplaceAll(key, "'", `'\''`), url, id)
}

// unscripted is the id of the first asset that no script is for, or "".
func unscripted(set *fixtures.Set) string {
	for _, a := range set.Assets {
		meant := func(s fixtures.Script) bool { return s.When.Matches(map[string]string{"id": a.ID}) }
		if !slices.ContainsFunc(set.Scripts, meant) {
			return a.ID
		}
	}
	return ""
}

// reachable turns an address that a server listens on into one to ask it at.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "127.0.0.1" // such a server listens for both
	}
	return net.JoinHostPort(host, port)
}

// health asks a running server; HEALTHCHECK in a container calls it.
func (p *program) health(ctx context.Context, args []string) error {
	set := p.flags("health")
	addr := set.String("addr", defaultAddr, "the server's `ADDR`")
	if err := p.fromEnvironment(set); err != nil {
		return err
	}
	if err := p.parse(set, args); err != nil {
		return err
	}
	if err := noArguments(set); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(*addr)+"/_fake/health", nil)
	if err != nil {
		return usagef("--addr: %v", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no answer at %s: %w", *addr, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server at %s answers %s: is it comfyfake?", *addr, res.Status)
	}
	fmt.Fprintln(p.stdout, "ok")
	return nil
}
