package fake

import (
	"bytes"
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

// at is the body as the sender of r shall see it.
func (c content) at(r *http.Request) []byte {
	if len(c.parts) == 1 {
		return c.parts[0]
	}
	return bytes.Join(c.parts, []byte(originOf(r)))
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
