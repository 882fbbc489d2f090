package bench

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/comfyfake/comfyfake/fake"
)

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkHandler is the handler alone, without a socket.
func BenchmarkHandler(b *testing.B) {
	srv, err := fake.New()
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("X-API-Key", "k")
	b.ReportAllocs()
	for b.Loop() {
		srv.ServeHTTP(discard{http.Header{}}, r)
	}
}
