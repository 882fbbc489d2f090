package fake

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/comfyfake/comfyfake/spec"
)

// controlPath starts the paths of the control API. Pages of other origins
// cannot read it.
const controlPath = "/_fake/"

// control is the control API: whether the server is well, and what came.
func (s *Server) control() http.Handler {
	r := mux.NewRouter().SkipClean(true)
	get := r.Methods(http.MethodGet, http.MethodHead).Subrouter()
	get.HandleFunc(controlPath+"health", s.health)
	get.HandleFunc(controlPath+"requests", s.listRequests)
	get.HandleFunc(controlPath+"requests/{n:[0-9]+}", s.explainRequest)
	r.NotFoundHandler = refusal(plainError(http.StatusNotFound, "NOT_FOUND",
		"the control API has /_fake/health, /_fake/requests and /_fake/requests/N"))
	notAllowed := plainError(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "the control API is read with GET")
	notAllowed.header.Set("Allow", "GET, HEAD")
	r.MethodNotAllowedHandler = refusal(notAllowed)
	return r
}

// refusal answers everything with an error, outside of the document.
func refusal(answer reply) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		writeBody(w, r, answer.status, answer.body)
	})
}

func writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // our own types
	}
	w.Header().Set("Content-Type", "application/json")
	writeBody(w, r, http.StatusOK, content{[][]byte{append(data, '\n')}})
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, map[string]string{"status": "ok"})
}

// summary is a request in the list of requests.
type summary struct {
	Request   int    `json:"request"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	Operation string `json:"operation,omitempty"`
	Status    int    `json:"status"`
}

// explanation is everything that is known of a request.
type explanation struct {
	summary
	By       string        `json:"by"`
	Problems spec.Problems `json:"problems,omitempty"`
	Others   []other       `json:"others,omitempty"`
	Curl     string        `json:"curl"`
}

// other is a script that did not answer the request, and why.
type other struct {
	Script string `json:"script"`
	Why    string `json:"why"`
}

func (r *Request) summary() summary {
	return summary{r.N, r.Method, r.URL.RequestURI(), r.Operation, r.Status}
}

func (s *Server) listRequests(w http.ResponseWriter, r *http.Request) {
	list := []summary{}
	for _, request := range s.journal.list() {
		list = append(list, request.summary())
	}
	writeJSON(w, r, list)
}

func (s *Server) explainRequest(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(mux.Vars(r)["n"])
	for _, request := range s.journal.list() {
		if request.N == n {
			writeJSON(w, r, explanation{
				request.summary(), request.By, request.Problems, s.scripts.others(request), request.curl(),
			})
			return
		}
	}
	refusal(plainError(http.StatusNotFound, "NOT_FOUND",
		"no request "+strconv.Itoa(n)+" is remembered; see /_fake/requests")).ServeHTTP(w, r)
}

// others lists the scripts that were asked for a request and did not answer.
func (ss *scripts) others(r Request) []other {
	if !r.scripted {
		return nil
	}
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	var list []other
	for _, sc := range append(ss.added[:len(ss.added):len(ss.added)], ss.fixed...) {
		if by := "script " + sc.source; sc.op == r.op && by != r.By {
			list = append(list, other{by, sc.miss(r.params)})
		}
	}
	return list
}
