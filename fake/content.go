package fake

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/comfyfake/comfyfake/fixtures"
)

// content is a body, encoded once. Links to the server itself are open in it,
// since the address that a client knows stands in its request alone: the parts
// are what lies between them.
type content struct{ parts [][]byte }

func newContent(data []byte) content {
	return content{bytes.Split(data, []byte(fixtures.Origin))}
}

// size is how many bytes the body has with an origin put in.
func (c content) size(origin string) int {
	n := len(origin) * (len(c.parts) - 1)
	for _, part := range c.parts {
		n += len(part)
	}
	return n
}

// write writes the body with an origin put in. The client may be gone: errors
// are its own.
func (c content) write(w io.Writer, origin string) {
	for i, part := range c.parts {
		if i > 0 {
			_, _ = io.WriteString(w, origin)
		}
		_, _ = w.Write(part)
	}
}

// originOf is the scheme, host and port by which a request reached the server.
func originOf(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	if isHost(r.Host) {
		return scheme + r.Host
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return scheme + addr.String()
	}
	return scheme + "localhost"
}

// isHost keeps what could not stand in a URL within JSON out of it.
func isHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_:[]%", r))
	})
}
