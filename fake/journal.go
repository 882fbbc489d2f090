package fake

import (
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"

	"github.com/comfyfake/comfyfake/spec"
)

// JournalSize is how many requests a server remembers: the newest.
const JournalSize = 1000

// Request is what the journal knows of a request. The header is as it came,
// keys included.
type Request struct {
	N         int    // counts from 1; the header Fake-Request of the answer
	Operation string // operationId; "" where the document has no such operation
	Method    string
	URL       *url.URL
	Host      string
	Header    http.Header
	Status    int    // of the answer; 0 while there is none
	By        string // what answered: a fixture, a script, ...

	// Problems are the ways in which the request breaks the document.
	Problems spec.Problems

	op       *spec.Operation
	params   map[string]string
	scripted bool // scripts were asked
}

// journal is a ring of requests.
type journal struct {
	mu    sync.Mutex
	count int
	ring  []*Request
}

// begin enters a request.
func (j *journal) begin(r *http.Request) *Request {
	e := &Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: r.Header.Clone()}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.count++
	e.N = j.count
	if len(j.ring) < JournalSize {
		j.ring = append(j.ring, e)
	} else {
		j.ring[(e.N-1)%JournalSize] = e
	}
	return e
}

// end enters the answer.
func (j *journal) end(x *exchange, answer reply) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := x.journal
	e.op, e.params, e.scripted = x.op, x.params, x.scripted
	if x.op != nil {
		e.Operation = x.op.Name()
	}
	e.Status, e.By, e.Problems = answer.status, answer.by, answer.problems
}

// list returns the remembered requests, oldest first.
func (j *journal) list() []Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Request, len(j.ring))
	for i, e := range j.ring {
		list[i] = *e
	}
	sort.Slice(list, func(a, b int) bool { return list[a].N < list[b].N })
	return list
}

// Requests returns what came, oldest first: all, or those of the named
// operations. Names are as for [Server.On]. The newest [JournalSize] requests
// are remembered. Preflights and the control API are not among them.
func (s *Server) Requests(operations ...string) []Request {
	s.helper()
	wanted := map[*spec.Operation]bool{}
	for _, name := range operations {
		op, err := s.document.Operation(name)
		if err != nil {
			s.fail("Requests: %v", err)
		}
		wanted[op] = true
	}
	var list []Request
	for _, r := range s.journal.list() {
		if len(wanted) == 0 || wanted[r.op] {
			list = append(list, r)
		}
	}
	return list
}

// complaint says what is wrong with the request, for the test that sent it.
func (r *Request) complaint() string {
	var b strings.Builder
	fmt.Fprintf(&b, "comfyfake: request %d breaks the document: %s %s", r.N, r.Method, r.URL.Path)
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "\n\t%s", p)
		if p.Document != "" {
			fmt.Fprintf(&b, " (%s)", p.Document)
		}
	}
	fmt.Fprintf(&b, "\n\tanswered with %d; %s", r.Status, r.curl())
	b.WriteString("\n\ta test that sends such requests on purpose starts the server with fake.AllowProblems()")
	return b.String()
}

// curl is the request as a command, without its key.
func (r *Request) curl() string {
	var b strings.Builder
	b.WriteString("curl")
	if r.Method == http.MethodHead {
		b.WriteString(" --head")
	} else if r.Method != http.MethodGet {
		b.WriteString(" -X " + quote(r.Method))
	}
	for _, name := range sortedNames(r.Header) {
		for _, value := range redacted(name, r.Header[name]) {
			b.WriteString(" -H " + quote(name+": "+value))
		}
	}
	b.WriteString(" " + quote("http://"+r.Host+r.URL.RequestURI()))
	return b.String()
}

// quote quotes a word for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// sortedNames lists a header's names but those that curl itself sets.
func sortedNames(header http.Header) []string {
	var names []string
	for name := range header {
		switch name {
		case "Accept", "Accept-Encoding", "Connection", "Content-Length", "User-Agent":
		default:
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// redacted keeps keys out of what is shown.
func redacted(name string, values []string) []string {
	switch name {
	case "X-Api-Key", "Cookie":
		return []string{"REDACTED"}
	case "Authorization":
		return []string{"Bearer REDACTED"}
	}
	return values
}
