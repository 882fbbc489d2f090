package bench

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sort"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/comfyfake/comfyfake/fake"
)

const target = "/api/assets/00000000-0000-4000-8000-000000000001"

// BenchmarkGetAsset asks comfyfake and a bare handler for the same bytes over
// loopback, in turns of a batch each.
func BenchmarkGetAsset(b *testing.B) {
	for _, connections := range []int{1, 8} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			srv, err := fake.New(fake.WithLogger(slog.New(slog.DiscardHandler), false))
			if err != nil {
				b.Fatal(err)
			}
			compare(b, connections, bare(b, srv), srv)
		})
	}
}

// bare is the least that a server can do: it writes the answer that the fake
// gives, with the same header fields.
func bare(b *testing.B, srv http.Handler) http.Handler {
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "bench"
	r.Header.Set("X-API-Key", "k")
	srv.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		b.Fatalf("%d %s", rec.Code, rec.Body)
	}
	body := rec.Body.Bytes()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		_, _ = w.Write(body)
	})
}

// batch is how many requests a connection sends in one turn.
const batch = 200

func compare(b *testing.B, connections int, bare, fake http.Handler) {
	one, other := dial(b, bare, connections), dial(b, fake, connections)
	one.turn(b)
	other.turn(b)
	var ratios []float64
	var bareTime, fakeTime time.Duration
	for b.Loop() {
		t, u := one.turn(b), other.turn(b)
		bareTime, fakeTime = bareTime+t, fakeTime+u
		ratios = append(ratios, float64(t)/float64(u))
	}
	sort.Float64s(ratios)
	n := float64(len(ratios) * batch * connections)
	b.ReportMetric(0, "ns/op") // a turn is no operation
	b.ReportMetric(float64(bareTime)/n, "bare-ns/request")
	b.ReportMetric(float64(fakeTime)/n, "fake-ns/request")
	b.ReportMetric(ratios[len(ratios)/2], "fake/bare")
}

// clients are keep-alive connections to one server.
type clients struct{ conns []*client }

type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(b *testing.B, h http.Handler, connections int) *clients {
	srv := httptest.NewServer(h)
	b.Cleanup(srv.Close)
	cs := &clients{}
	for range connections {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		cs.conns = append(cs.conns, &client{conn, bufio.NewReader(conn)})
	}
	return cs
}

// turn sends a batch over every connection and returns how long all took.
func (cs *clients) turn(b *testing.B) time.Duration {
	began := time.Now()
	var wg sync.WaitGroup
	for _, c := range cs.conns {
		wg.Go(func() {
			for range batch {
				if err := c.get(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

const request = "GET " + target + " HTTP/1.1\r\nHost: bench\r\nX-API-Key: k\r\nAccept: application/json\r\n\r\n"

// get sends a request and reads the answer with as little work as can be, so
// that the servers are what is measured.
func (c *client) get() error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		const name = "Content-Length: "
		if len(line) > len(name) && string(line[:len(name)]) == name {
			if length, err = strconv.Atoi(string(line[len(name) : len(line)-2])); err != nil {
				return err
			}
		}
	}
	_, err := c.in.Discard(length)
	return err
}

// BenchmarkStart is what a server costs a test.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		t := &quiet{}
		fake.Start(t)
		t.end()
	}
}

// quiet is a test that ends when it is told to.
type quiet struct{ cleanups []func() }

func (t *quiet) Helper()               {}
func (t *quiet) Cleanup(f func())      { t.cleanups = append(t.cleanups, f) }
func (t *quiet) Logf(string, ...any)   {}
func (t *quiet) Errorf(string, ...any) {}
func (t *quiet) Fatalf(string, ...any) {}
func (t *quiet) end() {
	for _, f := range t.cleanups {
		f()
	}
}
