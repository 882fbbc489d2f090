package fake

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
)

// TB is the part of testing.TB that a server needs.
type TB interface {
	Helper()
	Cleanup(func())
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Start starts a server on loopback for a test. It listens at URL until the
// test ends, accepts Key, and logs every request to the test.
//
// A request that breaks the document fails the test, with every problem named,
// since it is a bug of the client; see [AllowProblems]. A script that was never
// used fails it at the end.
func Start(tb TB, opts ...Option) *Server {
	tb.Helper()
	logger := slog.New(slog.NewTextHandler(testLog{tb}, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	s, err := New(append([]Option{WithLogger(logger, true)}, opts...)...)
	if err != nil {
		tb.Fatalf("comfyfake: %v", err)
		return nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("comfyfake: %v", err)
		return nil
	}
	s.tb = tb
	listening := &httptest.Server{Listener: ln, Config: s.config()}
	listening.Start()
	s.URL, s.listening = listening.URL, listening.Client()
	tb.Cleanup(func() {
		tb.Helper()
		s.Close() // delays first: the listener waits for requests under way
		listening.Close()
		s.verify()
	})
	return s
}

// verify reports the scripts that were never used.
func (s *Server) verify() {
	s.tb.Helper()
	for _, sc := range s.scripts.unused() {
		s.tb.Errorf("comfyfake: the script on %s of %s was never used", sc.op.Name(), sc.source)
	}
}

// testLog writes a log to a test.
type testLog struct{ tb TB }

func (l testLog) Write(line []byte) (int, error) {
	l.tb.Helper()
	l.tb.Logf("comfyfake: %s", strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

// Client returns an HTTP client that sends the server's Key with every request
// that has none.
func (s *Server) Client() *http.Client {
	client := &http.Client{}
	if s.listening != nil {
		*client = *s.listening
	}
	client.Transport = keySender{s.Key, client.Transport}
	return client
}

// keySender adds a key to requests.
type keySender struct {
	key  string
	next http.RoundTripper // nil: http.DefaultTransport
}

func (k keySender) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-API-Key") == "" && r.Header.Get("Authorization") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("X-API-Key", k.key)
	}
	if k.next == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return k.next.RoundTrip(r)
}

// fail reports a mistake of the test in arranging the server.
func (s *Server) fail(format string, args ...any) {
	if s.tb == nil {
		panic("fake: " + fmt.Sprintf(format, args...))
	}
	s.tb.Helper()
	s.tb.Fatalf("comfyfake: "+format, args...)
}

func (s *Server) helper() {
	if s.tb != nil {
		s.tb.Helper()
	}
}
