package fake

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/comfyfake/comfyfake/fixtures"
	"github.com/comfyfake/comfyfake/spec"
)

// exchange is one request on its way to its answer.
type exchange struct {
	*http.Request
	op      *spec.Operation // nil where the document has none
	params  map[string]string
	prefer  preferences
	journal *Request // others read it: journal.end alone may write to it

	scripted bool // scripts were asked
}

// reply is an answer on its way out. Its body was judged by the document when
// it entered the server, not now.
type reply struct {
	status     int
	header     http.Header
	body       content
	undeclared bool   // outside of the document
	by         string // what answered, for the journal
	problems   spec.Problems
}

// serveDocument is the life of a request.
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Request: r, journal: s.journal.begin(r)}
	answer := s.answer(x)
	s.journal.end(x, answer)
	s.tell(x)
	if s.wait(r.Context(), x.prefer.wait) {
		s.write(w, x, answer)
	}
}

// answer decides what a request gets.
func (s *Server) answer(x *exchange) (answer reply) {
	defer func() {
		if cause := recover(); cause != nil {
			answer = s.fault(x, fmt.Sprint(cause), debug.Stack())
		}
	}()
	match := s.document.Find(x.Method, x.URL.EscapedPath())
	x.op, x.params = match.Operation, match.Params
	if x.op == nil {
		return noOperation(x, match.Allow)
	}
	x.prefer = parsePrefer(x.Header)
	if refusal, ok := s.authenticate(x); !ok {
		return refusal
	}
	if problems := x.op.CheckRequest(x.Request, x.params); problems != nil {
		return refuse(x.op, problems)
	}
	if x.prefer.code != 0 {
		return s.preferred(x)
	}
	x.scripted = true
	if scripted, ok := s.scripts.next(x); ok {
		return scripted
	}
	return s.handlers[x.op.ID](x)
}

// authenticate wants one of the server's keys where the document wants a key.
func (s *Server) authenticate(x *exchange) (reply, bool) {
	key, required := x.op.Credential(x.Header)
	var message string
	switch {
	case key == "" && required:
		message = "no API key: send one as X-API-Key, or as Authorization: Bearer"
	case key != "" && len(s.options.keys) > 0 && !slices.Contains(s.options.keys, key):
		message = "this API key is not one of the server's"
	default:
		return reply{}, true
	}
	return s.errorReply(x, "the check of the key", http.StatusUnauthorized, "UNAUTHORIZED", message), false
}

// write sends an answer; nothing else does.
func (s *Server) write(w http.ResponseWriter, x *exchange, answer reply) {
	h := w.Header()
	for name, values := range answer.header {
		h[name] = values
	}
	h.Set("Fake-Request", strconv.Itoa(x.journal.N))
	if answer.undeclared {
		h.Set("Fake-Declared", "false")
	}
	for i, problem := range answer.problems {
		if i == maxProblemHeaders {
			break
		}
		h.Add("Fake-Problem", cut(problem.String(), maxProblemHeader))
	}
	for _, warning := range x.prefer.warnings {
		h.Add("Fake-Warning", warning)
	}
	if len(x.prefer.applied) > 0 {
		h.Set("Preference-Applied", strings.Join(x.prefer.applied, ", "))
	}
	writeBody(w, x.Request, answer.status, answer.body)
}

// Bounds of what a client must be able to read of problems in headers.
const (
	maxProblemHeaders = 10
	maxProblemHeader  = 300
)

func cut(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// writeBody sends status and body. The length of a body is that of a GET where
// HEAD was asked.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body content) {
	origin := originOf(r)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(body.size(origin)))
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		body.write(w, origin)
	}
}

// preferred is the answer that the request itself asks for with Prefer: code.
func (s *Server) preferred(x *exchange) reply {
	const by = "the request's header Prefer"
	code := x.prefer.code
	switch {
	case code >= 400:
		return s.errorReply(x, by, code, fixtures.Code(code), fmt.Sprintf("asked for by Prefer: code=%d", code))
	case code == http.StatusOK:
		return s.handlers[x.op.ID](x)
	}
	return reply{status: code, undeclared: !x.op.Declares(code), by: by}
}

// tell reports a request to the log and to the test.
func (s *Server) tell(x *exchange) {
	if s.options.logRequests {
		s.options.logger.InfoContext(x.Context(), "request", "n", x.journal.N,
			"method", x.Method, "path", x.URL.Path, "status", x.journal.Status, "by", x.journal.By)
	}
	if s.tb != nil && len(x.journal.Problems) > 0 && !s.options.allowProblems {
		s.tb.Errorf("%s", x.journal.complaint())
	}
}
