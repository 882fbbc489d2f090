package fake

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/comfyfake/comfyfake/fixtures"
	"github.com/comfyfake/comfyfake/spec"
)

// Script is what an operation shall do next, instead of its answer: replies in
// order, each for a number of requests. It is asked after the request was
// found to be good, so that it never hides a client's bug.
//
// Of several scripts for one operation the first that is meant and has
// replies left is carried out, those made by On before those of fixtures.
type Script struct {
	server *Server
	op     *spec.Operation
	source string // where it was made

	mu    sync.Mutex
	when  fixtures.When
	steps []step
}

// step is a reply of a script, and how often it was given.
type step struct {
	reply
	pass        bool
	times, used int
}

func newStep(r fixtures.Reply, source string) step {
	return step{reply: newReply(r, "script "+source), pass: r.Pass, times: r.Times}
}

// scripts are those of the fixtures and those that On added.
type scripts struct {
	fixed []*Script

	mu    sync.RWMutex
	added []*Script
}

// On starts a script for an operation, named by its operationId or by method
// and path: "getAssetById" or "GET /api/assets/{id}". An unknown name fails
// the test; without a test it panics. A script that no request used by the end
// of the test fails it too.
func (s *Server) On(operation string) *Script {
	s.helper()
	op, err := s.document.Operation(operation)
	if err != nil {
		s.fail("On: %v", err)
	}
	script := &Script{server: s, op: op, source: caller()}
	s.scripts.mu.Lock()
	defer s.scripts.mu.Unlock()
	s.scripts.added = append(s.scripts.added, script)
	return script
}

// caller is the file and line of the test that called On.
func caller() string {
	_, file, line, _ := runtime.Caller(2)
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}

// WhenPath narrows the script to requests whose path parameter has a value. A
// value that the document does not allow fails the test.
func (sc *Script) WhenPath(name, value string) *Script {
	sc.server.helper()
	if problems := sc.op.CheckParam(name, value); problems != nil {
		sc.server.fail("WhenPath: %v", problems)
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	path := map[string]string{name: sc.op.Param(name, value)}
	for n, v := range sc.when.Path {
		path[n] = v
	}
	sc.when.Path = path
	return sc
}

// Reply is an answer that a script gives.
type Reply struct {
	// Status is from 200 to 599. One that the document does not declare for
	// the operation is sent with the header Fake-Declared: false.
	Status int

	Header http.Header

	// Body is sent as JSON, or as it is where it is a string and Header names
	// another Content-Type. Nil is no body.
	Body any

	// Nonconforming says that the answer is meant to break the document.
	Nonconforming bool
}

// Reply adds an answer. One that breaks the document fails the test, unless it
// says that it is meant to.
func (sc *Script) Reply(r Reply) *Script {
	sc.server.helper()
	return sc.add(fixtures.NewReply(sc.op, r.Status, r.Header, r.Body, !r.Nonconforming))
}

// ReplyError adds an error in the operation's own form. Status is from 400 to
// 599; an empty code or message is replaced by a usual one.
func (sc *Script) ReplyError(status int, code, message string) *Script {
	sc.server.helper()
	return sc.add(fixtures.ErrorReply(sc.op, status, code, message))
}

// Pass adds a reply that answers as if there were no script.
func (sc *Script) Pass() *Script { return sc.add(fixtures.Reply{Pass: true}, nil) }

// Times says how many requests get the reply that was added last, 1 or more.
// Without it the last reply of a script stays for ever, and any other is given
// once.
func (sc *Script) Times(n int) *Script {
	sc.server.helper()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if n < 1 || len(sc.steps) == 0 {
		sc.server.fail("Times(%d): it takes a reply before it, and a number from 1", n)
		return sc
	}
	sc.steps[len(sc.steps)-1].times = n
	return sc
}

func (sc *Script) add(r fixtures.Reply, err error) *Script {
	sc.server.helper()
	switch {
	case errors.As(err, &spec.Problems{}):
		sc.server.fail("reply of the script on %s: %v; say Nonconforming if that is meant", sc.op.Name(), err)
	case err != nil:
		sc.server.fail("reply of the script on %s: %v", sc.op.Name(), err)
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.steps = append(sc.steps, newStep(r, sc.source))
	return sc
}

// next returns the scripted answer for a request, if there is one.
func (ss *scripts) next(x *exchange) (reply, bool) {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	for _, list := range [][]*Script{ss.added, ss.fixed} {
		for _, sc := range list {
			if sc.op != x.op {
				continue
			}
			if st := sc.take(x.params); st != nil {
				return st.reply, !st.pass
			}
		}
	}
	return reply{}, false
}

// take uses the next step up, if the script is for a request.
func (sc *Script) take(path map[string]string) *step {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if !sc.when.Matches(path) {
		return nil
	}
	for i := range sc.steps {
		st, last := &sc.steps[i], i == len(sc.steps)-1
		if st.used < max(st.times, 1) || st.times == 0 && last {
			st.used++
			taken := *st
			return &taken
		}
	}
	return nil
}

// miss says why the script did not answer a request, for who expected it to.
func (sc *Script) miss(path map[string]string) string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	var reasons []string
	for name, want := range sc.when.Path {
		if got := path[name]; got != want {
			reasons = append(reasons, fmt.Sprintf("path %s must be %s, got %s", name, want, got))
		}
	}
	slices.Sort(reasons)
	if len(reasons) == 0 {
		return "all its replies are used up"
	}
	return strings.Join(reasons, "; ")
}

// unused lists the scripts made by On that no request used.
func (ss *scripts) unused() []*Script {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	var list []*Script
	for _, sc := range ss.added {
		if !sc.wasUsed() {
			list = append(list, sc)
		}
	}
	return list
}

func (sc *Script) wasUsed() bool {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return slices.ContainsFunc(sc.steps, func(st step) bool { return st.used > 0 })
}
