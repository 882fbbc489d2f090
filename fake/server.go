// Package fake is a fake Comfy Cloud: an http.Handler that answers as the
// cloud does, and that a test arranges and asserts with methods.
//
// In a test one line is enough:
//
//	srv := fake.Start(t)
//	client := comfy.New(srv.URL, srv.Key) // the code under test
//
// [Start] listens on loopback, closes with the test, and fails it for a
// request that breaks the document. [New] gives a handler that does not listen
// and knows no test.
//
// Differences from the real cloud, on purpose: any key that is not empty is
// accepted unless [WithAPIKeys] names some, every answer carries the header
// Fake-Request, and what an answer leaves to chance follows from a seed.
//
// Everything exported is safe for parallel use.
package fake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"github.com/comfyfake/comfyfake/fixtures"
	"github.com/comfyfake/comfyfake/spec"
)

// DefaultKey is the API key of a server that was not given others.
const DefaultKey = "comfyui-test-key"

// Server is a fake Comfy Cloud. The zero Server is of no use; see [New] and
// [Start].
type Server struct {
	// URL is where the server listens, such as http://127.0.0.1:40123; "" for
	// a server made by New.
	URL string

	// Key is an API key that the server accepts.
	Key string

	options   options
	document  *spec.Document
	generator *fixtures.Generator
	handlers  map[string]handler // by operationId
	router    *mux.Router

	assets  assets
	scripts scripts
	journal journal

	tb        TB           // nil outside of tests
	listening *http.Client // reaches a server that Start started
	done      chan struct{}
	close     sync.Once
}

// handler answers a good request of one operation.
type handler func(*exchange) reply

// New makes a server that does not listen. It is an http.Handler, for
// httptest.NewServer, httptest.NewRecorder or an http.Server. The error, if
// any, is that of [fixtures.Load].
func New(opts ...Option) (*Server, error) {
	o := options{seed: DefaultSeed, logger: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	start, err := o.start()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Key:       DefaultKey,
		options:   o,
		document:  spec.Cloud(),
		generator: fixtures.NewGenerator(o.seed),
		assets:    assets{start: start.assets},
		done:      make(chan struct{}),
	}
	if len(o.keys) > 0 {
		s.Key = o.keys[0]
	}
	s.scripts.fixed = start.newScripts()
	s.handlers = map[string]handler{
		"getAssetById": s.getAsset,
	}
	s.router = s.routes()
	return s, nil
}

// routes puts the front doors side by side: the document's operations,
// previews, and the control API. What fits none is a question to the document
// too, which answers 404 in its own form.
func (s *Server) routes() *mux.Router {
	document := s.cors(http.HandlerFunc(s.serveDocument))
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for _, prefix := range prefixes(s.document) {
		r.MatcherFunc(under(prefix)).Handler(document)
	}
	r.Path(fixtures.PreviewPath+"{id}.png").Methods(http.MethodGet, http.MethodHead).
		Handler(s.cors(http.HandlerFunc(s.servePreview)))
	r.PathPrefix(controlPath).Handler(s.control())
	r.NotFoundHandler, r.MethodNotAllowedHandler = document, document
	return r
}

// under matches paths below a prefix, as PathPrefix does but without its
// regular expressions.
func under(prefix string) mux.MatcherFunc {
	return func(r *http.Request, _ *mux.RouteMatch) bool { return strings.HasPrefix(r.URL.Path, prefix) }
}

// prefixes lists the first segments of a document's paths, such as /api/.
func prefixes(d *spec.Document) []string {
	var list []string
	seen := map[string]bool{}
	for _, op := range d.Operations() {
		first, _, _ := strings.Cut(op.Path[1:], "/")
		if prefix := "/" + first + "/"; !seen[prefix] {
			seen[prefix] = true
			list = append(list, prefix)
		}
	}
	return list
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The router's own ServeHTTP copies the request twice, which costs more
	// than the rest of the way to an operation that needs none of it.
	var match mux.RouteMatch
	s.router.Match(r, &match)
	if len(match.Vars) > 0 {
		r = mux.SetURLVars(r, match.Vars)
	}
	match.Handler.ServeHTTP(w, r)
}

// grace is how long Serve waits for requests under way when it ends.
const grace = 8 * time.Second

// Serve answers on a listener until ctx is done. It then takes no more
// connections, lets requests under way finish (for at most eight seconds;
// delays end at once) and returns nil. Slow clients are cut off: 10 seconds
// for a request's header, two minutes for a whole request and its answer.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	server := s.config()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	s.Close()
	draining, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(draining); errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return nil
}

// config is how the server listens, in tests as in the program.
func (s *Server) config() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.options.logger.Handler(), slog.LevelDebug),
	}
}

// Close ends delays that are under way. A server made by Start is closed when
// its test ends; for one made by New nothing else needs closing.
func (s *Server) Close() { s.close.Do(func() { close(s.done) }) }
