package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/comfyfake/comfyfake/fixtures"
	"github.com/comfyfake/comfyfake/spec"
)

// errorReply answers in the error form of Comfy Cloud, version 1.
func (s *Server) errorReply(x *exchange, by string, status int, code, message string) reply {
	r, err := fixtures.ErrorReply(x.op, status, code, message)
	if err != nil {
		return s.fault(x, err.Error(), nil)
	}
	return newReply(r, by)
}

// newReply readies a reply that was made, and judged, by fixtures.
func newReply(r fixtures.Reply, by string) reply {
	return reply{status: r.Status, header: r.Header, body: newContent(r.Body), undeclared: !r.Declared, by: by}
}

// refuse answers a request that breaks the document: with 400 or 422, whichever
// the operation declares. An id that cannot exist is 404 where it declares
// neither.
func refuse(op *spec.Operation, problems spec.Problems) reply {
	status := http.StatusBadRequest
	switch first := problems[0].In; {
	case op.Declares(http.StatusBadRequest):
	case op.Declares(http.StatusUnprocessableEntity):
		status = http.StatusUnprocessableEntity
	case first == "path" && op.Declares(http.StatusNotFound):
		status = http.StatusNotFound
	}
	r := plainError(status, refusalCode(status, problems[0].In), problems.Error())
	r.by = "the check of the request"
	r.undeclared = !op.Declares(status)
	r.problems = problems
	return r
}

func refusalCode(status int, in string) string {
	if status == http.StatusNotFound {
		return "NOT_FOUND"
	}
	return "INVALID_" + strings.ToUpper(in)
}

// noOperation answers a path that the document does not have, or one that it
// has with other methods.
func noOperation(x *exchange, allow []string) reply {
	problem := spec.Problem{In: "path", Rule: "paths", Wanted: "one of the document's", Got: fmt.Sprintf("%+q", cut(x.URL.Path, 100))}
	r := plainError(http.StatusNotFound, "NOT_FOUND", "comfyfake has no "+x.Method+" "+cut(x.URL.Path, 100))
	if len(allow) > 0 {
		problem = spec.Problem{In: "method", Rule: "methods", Wanted: strings.Join(allow, " or "), Got: fmt.Sprintf("%+q", cut(x.Method, 100))}
		r = plainError(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", problem.String())
		r.header.Set("Allow", strings.Join(allow, ", "))
	}
	r.undeclared = true
	r.problems = spec.Problems{problem}
	return r
}

// fault answers a bug of the fake itself.
func (s *Server) fault(x *exchange, cause string, stack []byte) reply {
	s.options.logger.ErrorContext(x.Context(), "fault of comfyfake", "request", x.journal.N,
		"method", x.Method, "path", x.URL.Path, "cause", cause, "stack", string(stack))
	r := plainError(http.StatusInternalServerError, "FAKE_FAULT", "this is a fault of comfyfake, not of the request: "+cause)
	r.undeclared = true
	return r
}

// plainError is an error that no operation need declare.
func plainError(status int, code, message string) reply {
	data, err := json.Marshal(fixtures.ErrorBody{Code: code, Message: message})
	if err != nil {
		panic(err) // two strings
	}
	return reply{
		status: status,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   newContent(data),
		by:     "comfyfake",
	}
}
