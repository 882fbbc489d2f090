package fake_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/comfyfake/comfyfake/fake"
	"github.com/comfyfake/comfyfake/fixtures"
	"github.com/comfyfake/comfyfake/spec"
)

const (
	first   = "00000000-0000-4000-8000-000000000001"
	unknown = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	path    = "/api/assets/"
)

// recordT is a test that only notes what is reported to it.
type recordT struct {
	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

func (t *recordT) Helper()             {}
func (t *recordT) Cleanup(f func())    { t.cleanups = append(t.cleanups, f) }
func (t *recordT) Logf(string, ...any) {}
func (t *recordT) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

type fatal string

func (t *recordT) Fatalf(format string, args ...any) { panic(fatal(fmt.Sprintf(format, args...))) }
func (t *recordT) end() []string {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
	return t.errors
}

// fatally runs f, which reports a fatal error, and returns that.
func fatally(t *testing.T, f func()) (message string) {
	t.Helper()
	defer func() {
		switch v := recover().(type) {
		case fatal:
			message = string(v)
		case nil:
			t.Error("nothing was reported")
		default:
			message = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// call asks a server, over its socket if it listens, and judges what comes by
// the document.
func call(t *testing.T, srv *fake.Server, method, target string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("X-API-Key", srv.Key)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	res := roundTrip(t, srv, r)
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	m := spec.Cloud().Find(method, r.URL.EscapedPath())
	if m.Operation != nil && method != http.MethodHead && res.Header.Get("Fake-Declared") == "" {
		if problems := m.Operation.CheckResponse(res.StatusCode, res.Header, body); problems != nil {
			t.Errorf("%s %s: the answer breaks the document: %v", method, target, problems)
		}
	}
	return res, string(body)
}

func roundTrip(t *testing.T, srv *fake.Server, r *http.Request) *http.Response {
	t.Helper()
	if srv.URL == "" {
		rec := httptest.NewRecorder()
		srv.ServeHTTP(rec, r)
		return rec.Result()
	}
	out, err := http.NewRequestWithContext(t.Context(), r.Method, srv.URL+r.URL.RequestURI(), nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Header = r.Header
	res, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func errorOf(t *testing.T, body string) fixtures.ErrorBody {
	t.Helper()
	var e fixtures.ErrorBody
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return e
}

func handler(t *testing.T, opts ...fake.Option) *fake.Server {
	t.Helper()
	srv, err := fake.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func TestGetAsset(t *testing.T) {
	for name, srv := range map[string]*fake.Server{
		"handler":  handler(t),
		"listener": fake.Start(t, fake.AllowProblems()),
	} {
		t.Run(name, func(t *testing.T) { testGetAsset(t, srv) })
	}
}

func testGetAsset(t *testing.T, srv *fake.Server) {
	for _, tc := range []struct {
		name, method, target string
		header               []string
		status               int
		code, message        string
	}{
		{"known", "GET", path + first, nil, 200, "", ""},
		{"upper case", "GET", path + strings.ToUpper("00000000-0000-4000-8000-00000000000a"), nil, 200, "", ""},
		{"bearer", "GET", path + first, []string{"X-API-Key", "", "Authorization", "Bearer x"}, 200, "", ""},
		{"no key", "GET", path + first, []string{"X-API-Key", ""}, 401, "UNAUTHORIZED", "no API key"},
		{"no key, bad id", "GET", path + "x", []string{"X-API-Key", ""}, 401, "UNAUTHORIZED", "no API key"},
		{"unknown", "GET", path + unknown, nil, 404, "ASSET_NOT_FOUND", "there is no asset " + unknown},
		{"malformed", "GET", path + "not-a-uuid", nil, 404, "NOT_FOUND", `id must be a uuid, got "not-a-uuid"`},
		{"escaped", "GET", path + "a%2Fb%0A%C3%A9", nil, 404, "NOT_FOUND", `id must be a uuid, got "a/b\n\u00e9"`},
		{"fails with 401", "GET", path + "00000000-0000-4000-8000-000000000401", nil, 401, "UNAUTHORIZED", "always answers 401"},
		{"fails with 404", "GET", path + "00000000-0000-4000-8000-000000000404", nil, 404, "ASSET_NOT_FOUND", "always answers 404"},
		{"fails with 500", "GET", path + "00000000-0000-4000-8000-000000000500", nil, 500, "INTERNAL", "always answers 500"},
		{"wrong path", "GET", "/api/nope", nil, 404, "NOT_FOUND", "comfyfake has no GET /api/nope"},
		{"root", "GET", "/", nil, 404, "NOT_FOUND", "comfyfake has no GET /"},
		{"trailing slash", "GET", path + first + "/", nil, 404, "NOT_FOUND", "comfyfake has no GET"},
		{"double slash", "GET", "/api//assets/" + first, nil, 404, "NOT_FOUND", "comfyfake has no GET"},
		{"wrong method", "DELETE", path + first, nil, 405, "METHOD_NOT_ALLOWED", `the method must be GET or HEAD, got "DELETE"`},
		{"options", "OPTIONS", path + first, nil, 405, "METHOD_NOT_ALLOWED", `the method must be GET or HEAD`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, body := call(t, srv, tc.method, tc.target, tc.header...)
			if res.StatusCode != tc.status || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d, type %q, want %d and JSON", res.StatusCode, res.Header.Get("Content-Type"), tc.status)
			}
			if got := res.Header.Get("Content-Length"); got != fmt.Sprint(len(body)) {
				t.Errorf("Content-Length %s for %d bytes", got, len(body))
			}
			if res.Header.Get("Fake-Request") == "" {
				t.Error("no Fake-Request")
			}
			if tc.code == "" {
				return
			}
			e := errorOf(t, body)
			if e.Code != tc.code || !strings.Contains(e.Message, tc.message) {
				t.Errorf("%+v, want %s and %q", e, tc.code, tc.message)
			}
		})
	}
}

func TestAssetBody(t *testing.T) {
	res, body := call(t, handler(t), "GET", path+first, "Host", "x")
	want := map[string]any{
		"id": first, "name": "ComfyUI_00001_.png", "mime_type": "image/png", "is_immutable": false,
		"tags":        []any{"output"},
		"preview_url": "http://example.com/previews/" + first + ".png",
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for name, v := range want {
		if diff := cmp.Diff(v, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got["hash"] != got["asset_hash"] || got["job_id"] != got["prompt_id"] || got["hash"] == nil || got["job_id"] == nil {
		t.Errorf("the two generations of names differ: %v", got)
	}
	if res.Header.Get("Fake-Declared") != "" {
		t.Error("a declared answer is marked")
	}
}

func TestHead(t *testing.T) {
	for _, srv := range []*fake.Server{handler(t), fake.Start(t)} {
		for _, id := range []string{first, unknown} {
			get, body := call(t, srv, "GET", path+id)
			head, nothing := call(t, srv, "HEAD", path+id)
			if nothing != "" || head.StatusCode != get.StatusCode || head.Header.Get("Content-Length") != fmt.Sprint(len(body)) {
				t.Errorf("HEAD: %d, length %s, body %q; GET: %d, %d bytes",
					head.StatusCode, head.Header.Get("Content-Length"), nothing, get.StatusCode, len(body))
			}
		}
	}
}

func TestUndeclaredAnswersSaySo(t *testing.T) {
	srv := handler(t)
	for _, tc := range []struct{ method, target, problem string }{
		{"GET", "/api/nope", `the path must be one of the document's, got "/api/nope"`},
		{"GET", "/api/%C3%A9%0A", `the path must be one of the document's, got "/api/\u00e9\n"`},
		{"DELETE", path + first, `the method must be GET or HEAD, got "DELETE"`},
	} {
		res, _ := call(t, srv, tc.method, tc.target)
		if res.Header.Get("Fake-Declared") != "false" || res.Header.Get("Fake-Problem") != tc.problem {
			t.Errorf("%s %s: Fake-Declared %q, Fake-Problem %q", tc.method, tc.target,
				res.Header.Get("Fake-Declared"), res.Header.Get("Fake-Problem"))
		}
	}
	res, _ := call(t, srv, "DELETE", path+first)
	if got := res.Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow %q", got)
	}
	res, _ = call(t, srv, "GET", path+"x")
	if res.Header.Get("Fake-Declared") != "" || res.Header.Get("Fake-Problem") != `id must be a uuid, got "x"` {
		t.Errorf("bad id: %v", res.Header)
	}
}

func TestAPIKeys(t *testing.T) {
	srv := handler(t, fake.WithAPIKeys("one", "two"))
	for key, status := range map[string]int{"one": 200, "two": 200, "three": 401, fake.DefaultKey: 401} {
		res, body := call(t, srv, "GET", path+first, "X-API-Key", key)
		if res.StatusCode != status || strings.Contains(body, "three") {
			t.Errorf("key %s: %d %s, want %d and no key in the answer", key, res.StatusCode, body, status)
		}
	}
	if srv.Key != "one" {
		t.Errorf("Key = %q", srv.Key)
	}
}

func TestCORS(t *testing.T) {
	const page = "http://localhost:5173"
	for _, tc := range []struct {
		name   string
		srv    *fake.Server
		origin string
		want   string
	}{
		{"any", handler(t), page, "*"},
		{"named", handler(t, fake.WithCORSOrigins(page)), page, page},
		{"other", handler(t, fake.WithCORSOrigins(page)), "http://evil.example", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, _ := call(t, tc.srv, "OPTIONS", path+first, "X-API-Key", "", "Origin", tc.origin,
				"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "comfy-user,x-api-key")
			if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != tc.want {
				t.Errorf("preflight: %d %v", res.StatusCode, res.Header)
			}
			if tc.want != "" && res.Header.Get("Access-Control-Allow-Headers") != "comfy-user,x-api-key" {
				t.Errorf("preflight: %v", res.Header)
			}
			for _, target := range []string{path + first, path + "x", "/nope", "/previews/" + first + ".png"} {
				res, _ := call(t, tc.srv, "GET", target, "Origin", tc.origin)
				if res.Header.Get("Access-Control-Allow-Origin") != tc.want {
					t.Errorf("%s: %v", target, res.Header)
				}
				if tc.want != "" && !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "Fake-Problem") {
					t.Errorf("%s: Fake-Problem is not exposed: %v", target, res.Header)
				}
			}
			res, _ = call(t, tc.srv, "GET", "/_fake/requests", "Origin", tc.origin)
			if res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("pages of other origins can read the control API")
			}
		})
	}
	if n := len(handler(t).Requests()); n != 0 {
		t.Errorf("%d requests remembered", n)
	}
}

func TestPrefer(t *testing.T) {
	srv := handler(t)
	for _, tc := range []struct {
		prefer, target    string
		status            int
		applied, declared string
		warning           string
	}{
		{"code=404", path + first, 404, "code=404", "", ""},
		{"code=401", path + first, 401, "code=401", "", ""},
		{`respond-async, code="500"; x=y`, path + first, 500, "code=500", "", ""},
		{"code=200", path + unknown, 200, "code=200", "", ""},
		{"code=200", path + "00000000-0000-4000-8000-000000000500", 200, "code=200", "", ""},
		{"code=429", path + first, 429, "code=429", "false", ""},
		{"code=202", path + first, 202, "code=202", "false", ""},
		{"wait=0, code=404", path + first, 404, "wait=0, code=404", "", ""},
		{"code=100", path + first, 200, "", "", `Prefer: code must be a status from 200 to 599, got "100"`},
		{"code=no", path + first, 200, "", "", `Prefer: code must be a status from 200 to 599, got "no"`},
		{"wait=61", path + first, 200, "", "", `Prefer: wait must be seconds from 0 to 60, got "61"`},
		{"wait=NaN", path + first, 200, "", "", `Prefer: wait must be seconds from 0 to 60, got "NaN"`},
		{"code=500", path + "x", 404, "code=500", "", ""},
	} {
		res, body := call(t, srv, "GET", tc.target, "Prefer", tc.prefer)
		h := res.Header
		if res.StatusCode != tc.status || h.Get("Fake-Declared") != tc.declared || h.Get("Fake-Warning") != tc.warning {
			t.Errorf("%s: %d %v %s", tc.prefer, res.StatusCode, h, body)
		}
		if tc.target != path+"x" && h.Get("Preference-Applied") != tc.applied {
			t.Errorf("%s: applied %q", tc.prefer, h.Get("Preference-Applied"))
		}
	}
	if res, _ := call(t, srv, "GET", path+first, "X-API-Key", "", "Prefer", "code=200"); res.StatusCode != 401 {
		t.Errorf("Prefer hides a missing key: %d", res.StatusCode)
	}
}

func TestWait(t *testing.T) {
	srv := fake.Start(t)
	began := time.Now()
	call(t, srv, "GET", path+first, "Prefer", "wait=0.2")
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("answered after %v", took)
	}

	// A client that leaves does not keep the server, nor does one that waits
	// when it closes.
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+path+first, nil)
	req.Header.Set("Prefer", "wait=60")
	gone := make(chan error)
	go func() {
		_, err := srv.Client().Do(req)
		gone <- err
	}()
	waitFor(t, func() bool { return len(srv.Requests()) == 2 })
	cancel()
	if err := <-gone; err == nil {
		t.Error("a cancelled request was answered")
	}
}

func TestCloseEndsDelays(t *testing.T) {
	rt := &recordT{}
	srv := fake.Start(rt)
	status := make(chan int)
	go func() {
		req, _ := http.NewRequest("GET", srv.URL+path+first, nil)
		req.Header.Set("Prefer", "wait=60")
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	waitFor(t, func() bool { return len(srv.Requests()) == 1 })
	rt.end()
	if got := <-status; got != 200 {
		t.Errorf("the waiting client got %d", got)
	}
}

// waitFor polls for something that another goroutine is about to do.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("it did not happen")
		}
	}
}

func TestScripts(t *testing.T) {
	statuses := func(srv *fake.Server, id string, n int) (got []int) {
		for range n {
			res, _ := call(t, srv, "GET", path+id)
			got = append(got, res.StatusCode)
		}
		return got
	}
	for _, tc := range []struct {
		name   string
		script func(*fake.Server)
		want   []int
	}{
		{"the last stays", func(s *fake.Server) { s.On("getAssetById").ReplyError(500, "", "") }, []int{500, 500, 500, 500}},
		{"times", func(s *fake.Server) { s.On("GET /api/assets/{id}").ReplyError(500, "", "").Times(2) }, []int{500, 500, 200, 200}},
		{"in order", func(s *fake.Server) {
			s.On("getAssetById").ReplyError(401, "", "").ReplyError(404, "", "").Times(2).Pass()
		}, []int{401, 404, 404, 200}},
		{"pass first", func(s *fake.Server) { s.On("getAssetById").Pass().ReplyError(404, "", "") }, []int{200, 404, 404, 404}},
		{"two scripts", func(s *fake.Server) {
			s.On("getAssetById").ReplyError(500, "", "").Times(1)
			s.On("getAssetById").ReplyError(404, "", "").Times(1)
		}, []int{500, 404, 200, 200}},
		{"another id", func(s *fake.Server) { s.On("getAssetById").WhenPath("id", unknown).ReplyError(500, "", "") }, []int{200, 200, 200, 200}},
		{"this id, in upper case", func(s *fake.Server) {
			s.On("getAssetById").WhenPath("id", strings.ToUpper(first)).ReplyError(500, "", "").Times(1)
		}, []int{500, 200, 200, 200}},
		{"undeclared", func(s *fake.Server) {
			s.On("getAssetById").Reply(fake.Reply{Status: 429, Header: http.Header{"Retry-After": {"1"}}})
		}, []int{429, 429, 429, 429}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := handler(t)
			tc.script(srv)
			if diff := cmp.Diff(tc.want, statuses(srv, first, 4)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestScriptedReply(t *testing.T) {
	srv := handler(t)
	srv.On("getAssetById").
		ReplyError(500, "INTERNAL", "boom").
		Reply(fake.Reply{Status: 503, Header: http.Header{"Content-Type": {"text/html"}, "Retry-After": {"2"}}, Body: "<p>busy</p>"}).
		Reply(fake.Reply{Status: 200, Body: map[string]any{"id": 7}, Nonconforming: true}).
		ReplyError(402, "", "")
	for _, want := range []struct {
		status                      int
		declared, contentType, body string
	}{
		{500, "", "application/json", `{"code":"INTERNAL","message":"boom"}`},
		{503, "false", "text/html", "<p>busy</p>"},
		{200, "false", "application/json", `{"id":7}`},
		{402, "false", "application/json", `{"code":"PAYMENT_REQUIRED","message":"payment required"}`},
	} {
		res, body := call(t, srv, "GET", path+first)
		got := []any{res.StatusCode, res.Header.Get("Fake-Declared"), res.Header.Get("Content-Type"), body}
		if diff := cmp.Diff([]any{want.status, want.declared, want.contentType, want.body}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// A script is asked after the request was found to be good.
func TestScriptHidesNoBug(t *testing.T) {
	srv := handler(t)
	srv.On("getAssetById").ReplyError(500, "", "").Times(1)
	if res, _ := call(t, srv, "GET", path+"x"); res.StatusCode != 404 {
		t.Errorf("a bad id: %d", res.StatusCode)
	}
	if res, _ := call(t, srv, "GET", path+first, "X-API-Key", ""); res.StatusCode != 401 {
		t.Errorf("no key: %d", res.StatusCode)
	}
	if res, _ := call(t, srv, "GET", path+first); res.StatusCode != 500 {
		t.Errorf("the script was used up by a refused request: %d", res.StatusCode)
	}
}

func TestMistakesInArranging(t *testing.T) {
	inTest := fake.Start(&recordT{})
	for _, srv := range []*fake.Server{inTest, handler(t)} {
		for _, tc := range []struct {
			do   func()
			want string
		}{
			{func() { srv.On("getAsset") }, `On: no operation "getAsset" in the document; it has getAssetById`},
			{func() { srv.Requests("getAsset") }, `Requests: no operation "getAsset"`},
			{func() { srv.On("getAssetById").WhenPath("id", "x") }, `WhenPath: id must be a uuid, got "x"`},
			{func() { srv.On("getAssetById").WhenPath("nr", "x") }, `nr must be a path parameter of GET /api/assets/{id}`},
			{func() { srv.On("getAssetById").ReplyError(200, "", "") }, `the status of an error must be from 400 to 599, got 200`},
			{func() { srv.On("getAssetById").Reply(fake.Reply{Status: 200, Body: 7}) }, `breaks the document: the body must be an object, got 7; say Nonconforming if that is meant`},
			{func() { srv.On("getAssetById").Times(1) }, `Times(1): it takes a reply before it`},
			{func() { srv.On("getAssetById").Pass().Times(0) }, `Times(0): it takes a reply before it, and a number from 1`},
			{func() { srv.AddAsset(fixtures.Asset{ID: "x"}) }, `AddAsset: asset "": id must be a uuid, got "x"`},
			{func() { srv.AddAsset(fixtures.Asset{ID: first}) }, `AddAsset: there is an asset ` + first + ` already`},
		} {
			if got := fatally(t, tc.do); !strings.Contains(got, tc.want) {
				t.Errorf("reported %q, want %q", got, tc.want)
			}
		}
	}
	_, err := fake.New(fake.WithFixtures(filepath.Join(t.TempDir(), "nowhere")))
	if err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("New with a missing folder: %v", err)
	}
	message := fatally(t, func() { fake.Start(&recordT{}, fake.WithFixtures("nowhere")) })
	if !strings.Contains(message, "nowhere: no such file or directory") {
		t.Errorf("Start with a missing folder: %q", message)
	}
}

func TestAddAsset(t *testing.T) {
	srv := fake.Start(t)
	a := srv.AddAsset(fixtures.Asset{Name: "cat.png"})
	b := srv.AddAsset(fixtures.Asset{Name: "cat.png", Size: 7})
	if a.ID == b.ID || b.Size != 7 || a.MimeType != "image/png" {
		t.Errorf("%+v and %+v", a, b)
	}
	if want := srv.URL + "/previews/" + a.ID + ".png"; a.PreviewURL != want {
		t.Errorf("PreviewURL %q, want %q", a.PreviewURL, want)
	}
	_, body := call(t, srv, "GET", path+a.ID)
	var got fixtures.Asset
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("the asset that comes differs (-added +came):\n%s", diff)
	}
	if again := fake.Start(t).AddAsset(fixtures.Asset{Name: "cat.png"}); again.ID != a.ID {
		t.Errorf("another server gives cat.png the id %s, not %s", again.ID, a.ID)
	}
}

func TestProblemsFailTheTest(t *testing.T) {
	rt := &recordT{}
	srv := fake.Start(rt)
	call(t, srv, "GET", path+"x")
	call(t, srv, "GET", path+first)
	call(t, srv, "GET", path+unknown)
	call(t, srv, "GET", path+first, "X-API-Key", "")
	call(t, srv, "PATCH", path+first)
	errors := rt.end()
	if len(errors) != 2 {
		t.Fatalf("%d errors: %q", len(errors), errors)
	}
	for i, want := range []string{`request 1 breaks the document: GET /api/assets/x` + "\n\t" + `id must be a uuid, got "x" (cloud.yaml:`,
		`request 5 breaks the document: PATCH /api/assets/` + first} {
		if !strings.Contains(errors[i], want) || strings.Contains(errors[i], srv.Key) {
			t.Errorf("%s\nwant %s, and no key", errors[i], want)
		}
	}
	allowed := &recordT{}
	srv = fake.Start(allowed, fake.AllowProblems())
	call(t, srv, "GET", path+"x")
	if errors := allowed.end(); len(errors) != 0 {
		t.Errorf("problems that are allowed are reported: %q", errors)
	}
}

func TestUnusedScriptsFailTheTest(t *testing.T) {
	rt := &recordT{}
	srv := fake.Start(rt)
	srv.On("getAssetById").WhenPath("id", unknown).ReplyError(500, "", "")
	srv.On("getAssetById").ReplyError(500, "", "").Times(2)
	call(t, srv, "GET", path+first)
	errors := rt.end()
	if len(errors) != 1 || !strings.Contains(errors[0], "the script on getAssetById of fake_test.go:") {
		t.Errorf("reported %q, want the one script that was never used", errors)
	}
}

func TestRequests(t *testing.T) {
	srv := fake.Start(t, fake.AllowProblems())
	call(t, srv, "GET", path+first, "X-Trace", "abc")
	call(t, srv, "GET", "/api/nope?x=1")
	all, assets := srv.Requests(), srv.Requests("getAssetById")
	if len(all) != 2 || len(assets) != 1 {
		t.Fatalf("%d and %d requests", len(all), len(assets))
	}
	r := assets[0]
	if r.N != 1 || r.Operation != "getAssetById" || r.Method != "GET" || r.URL.Path != path+first || r.Status != 200 ||
		r.Header.Get("X-Trace") != "abc" || r.Header.Get("X-API-Key") != srv.Key || !strings.HasPrefix(r.By, "fixture embedded/default.yaml:") {
		t.Errorf("%+v", r)
	}
	if all[1].URL.RawQuery != "x=1" || all[1].Status != 404 || len(all[1].Problems) != 1 {
		t.Errorf("%+v", all[1])
	}
}

func TestJournalIsBounded(t *testing.T) {
	srv := handler(t)
	for range fake.JournalSize + 5 {
		call(t, srv, "GET", path+first)
	}
	list := srv.Requests()
	if len(list) != fake.JournalSize || list[0].N != 6 || list[len(list)-1].N != fake.JournalSize+5 {
		t.Errorf("%d requests from %d to %d", len(list), list[0].N, list[len(list)-1].N)
	}
}

func TestControl(t *testing.T) {
	srv := handler(t)
	srv.On("getAssetById").WhenPath("id", unknown).ReplyError(500, "", "")
	call(t, srv, "GET", path+"x'y", "Authorization", "Bearer secret", "Cookie", "session=secret")
	call(t, srv, "GET", path+unknown)

	var explained map[string]any
	res, body := call(t, srv, "GET", "/_fake/requests/1")
	if err := json.Unmarshal([]byte(body), &explained); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %s: %v", res.StatusCode, body, err)
	}
	want := map[string]any{
		"request": 1.0, "method": "GET", "path": path + "x'y", "operation": "getAssetById", "status": 404.0, "by": "the check of the request",
		"problems": []any{map[string]any{"in": "path", "name": "id", "rule": "format", "wanted": "a uuid", "got": `"x'y"`, "document": "cloud.yaml:29:13"}},
		"curl":     `curl -H 'Authorization: Bearer REDACTED' -H 'Cookie: REDACTED' -H 'X-Api-Key: REDACTED' 'http://example.com/api/assets/x'\''y'`,
	}
	if diff := cmp.Diff(want, explained); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, body = call(t, srv, "GET", "/_fake/requests/2")
	for _, want := range []string{`"by": "script fake_test.go:`, "path id must be 00000000-0000-4000-8000-000000000401, got " + unknown} {
		if !strings.Contains(body, want) {
			t.Errorf("%s\nlacks %s", body, want)
		}
	}
	_, body = call(t, srv, "GET", "/_fake/requests")
	var list []map[string]any
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 2 {
		t.Errorf("%s: %v, want two requests", body, err)
	}
	for _, tc := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/_fake/health", 200}, {"HEAD", "/_fake/health", 200}, {"POST", "/_fake/health", 405},
		{"GET", "/_fake/requests/3", 404}, {"GET", "/_fake/requests/99999999999999999999", 404}, {"GET", "/_fake/", 404},
	} {
		res, body := call(t, srv, tc.method, tc.target)
		if res.StatusCode != tc.status || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s", tc.method, tc.target, res.StatusCode, body)
		}
	}
}

func TestUnknownGenerated(t *testing.T) {
	srv := handler(t, fake.WithUnknownGenerated(), fake.WithFixtures())
	_, one := call(t, srv, "GET", path+unknown)
	_, two := call(t, srv, "GET", path+strings.ToUpper(unknown))
	if one != two || !strings.Contains(one, `"id":"`+unknown+`"`) {
		t.Errorf("%s, then %s", one, two)
	}
	_, other := call(t, handler(t, fake.WithUnknownGenerated(), fake.WithSeed(2)), "GET", path+unknown)
	if other == one {
		t.Error("another seed gives the same bytes")
	}
	if res, _ := call(t, srv, "GET", path+"x"); res.StatusCode != 404 {
		t.Errorf("an id that is no UUID: %d", res.StatusCode)
	}
	added := handler(t)
	added.AddAsset(fixtures.Asset{ID: unknown})
	if _, same := call(t, added, "GET", path+unknown); same != one {
		t.Errorf("generated\n%s\nadded\n%s", one, same)
	}
}

func TestFixtures(t *testing.T) {
	folder := t.TempDir()
	data := `{assets: [{id: ` + unknown + `, name: mine.png}], scripts: [{on: getAssetById, reply: [{error: {status: 500}, times: 1}, pass]}]}`
	if err := os.WriteFile(filepath.Join(folder, "a.yaml"), []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second server counts the script's use anew
		srv := fake.Start(t, fake.WithFixtures(folder))
		for _, want := range []int{500, 200} {
			if res, _ := call(t, srv, "GET", path+unknown); res.StatusCode != want {
				t.Errorf("status %d, want %d", res.StatusCode, want)
			}
		}
		if res, _ := call(t, srv, "GET", path+first); res.StatusCode != 404 {
			t.Errorf("the embedded set is there too: %d", res.StatusCode)
		}
	}
	both := fake.Start(t, fake.WithFixtures("embedded", folder))
	call(t, both, "GET", path+first)
	if res, _ := call(t, both, "GET", path+first); res.StatusCode != 200 {
		t.Errorf("embedded beside a folder: %d", res.StatusCode)
	}
}

func TestPreview(t *testing.T) {
	srv := fake.Start(t)
	a := srv.AddAsset(fixtures.Asset{Name: "cat.png"})
	pictures := map[string]bool{}
	for _, id := range []string{a.ID, first, strings.ToUpper(first)} {
		res, body := call(t, srv, "GET", "/previews/"+id+".png", "X-API-Key", "")
		picture, err := png.Decode(strings.NewReader(body))
		if err != nil || res.Header.Get("Content-Type") != "image/png" || picture.Bounds().Dx() != 256 {
			t.Errorf("%s: %v %v", id, res.Header, err)
		}
		pictures[body] = true
	}
	if len(pictures) != 2 {
		t.Errorf("%d pictures of two assets", len(pictures))
	}
	if res, _ := call(t, srv, "GET", "/previews/"+unknown+".png"); res.StatusCode != 404 {
		t.Errorf("preview of no asset: %d", res.StatusCode)
	}
}

// Links lead back by the address that the client used, and no header can put
// anything else into a body.
func TestLinksFollowTheHost(t *testing.T) {
	srv := handler(t)
	for host, want := range map[string]string{
		"fake:8188":      "http://fake:8188/previews/",
		"[::1]:80":       "http://[::1]:80/previews/",
		`x","id":"y`:     "http://localhost/previews/",
		"a b":            "http://localhost/previews/",
		"":               "http://localhost/previews/",
		"<script>.local": "http://localhost/previews/",
	} {
		r := httptest.NewRequest("GET", path+first, nil)
		r.Host = host
		r.Header.Set("X-API-Key", "k")
		rec := httptest.NewRecorder()
		srv.ServeHTTP(rec, r)
		var a fixtures.Asset
		if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil || !strings.HasPrefix(a.PreviewURL, want) {
			t.Errorf("host %q: %q, %v", host, a.PreviewURL, err)
		}
	}
}

func TestParallelServers(t *testing.T) {
	for i := range 200 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			srv := fake.Start(t)
			a := srv.AddAsset(fixtures.Asset{Name: fmt.Sprintf("file-%d.png", i)})
			srv.On("getAssetById").WhenPath("id", a.ID).ReplyError(500, "", "").Times(1)
			var wg sync.WaitGroup
			failed := make(chan int, 8)
			for range 8 {
				wg.Go(func() {
					res, body := call(t, srv, "GET", path+a.ID)
					if res.StatusCode == 500 {
						failed <- 1
					} else if !strings.Contains(body, a.Name) {
						t.Errorf("%d %s", res.StatusCode, body)
					}
				})
			}
			wg.Wait()
			if len(failed) != 1 || len(srv.Requests()) != 8 {
				t.Errorf("%d of %d requests failed, want 1 of 8", len(failed), len(srv.Requests()))
			}
		})
	}
}

// Everything may be done at once on one server.
func TestParallelUse(t *testing.T) {
	srv := fake.Start(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				a := srv.AddAsset(fixtures.Asset{Name: fmt.Sprintf("%d-%d.mp3", i, j)})
				srv.On("getAssetById").WhenPath("id", a.ID).ReplyError(404, "", "").Times(1)
				for _, want := range []int{404, 200} {
					if res, _ := call(t, srv, "GET", path+a.ID); res.StatusCode != want {
						t.Errorf("%d, want %d", res.StatusCode, want)
					}
				}
				call(t, srv, "GET", fmt.Sprintf("/_fake/requests/%d", i*j+1))
				srv.Requests()
			}
		})
	}
	wg.Wait()
}

func TestClientSendsTheKey(t *testing.T) {
	srv := fake.Start(t, fake.WithAPIKeys("mine"))
	for key, want := range map[string]int{"": 200, "theirs": 401} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+path+first, nil)
		if key != "" {
			req.Header.Set("X-API-Key", key)
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || req.Header.Get("X-API-Key") != key {
			t.Errorf("key %q: %d, and the request now has %q", key, res.StatusCode, req.Header.Get("X-API-Key"))
		}
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	srv := handler(t, fake.WithLogger(slog.New(slog.NewJSONHandler(&out, nil)), true))
	call(t, srv, "GET", path+first)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["msg"] != "request" || line["method"] != "GET" || line["path"] != path+first || line["status"] != 200.0 {
		t.Errorf("%v", line)
	}
	if strings.Contains(out.String(), srv.Key) {
		t.Errorf("the key is in the log: %s", &out)
	}
}

// A bug of the fake is told apart from what the cloud would answer.
func TestFault(t *testing.T) {
	var out bytes.Buffer
	srv := handler(t, fake.WithLogger(slog.New(slog.NewJSONHandler(&out, nil)), false))
	srv.Break("getAssetById")
	res, body := call(t, srv, "GET", path+first)
	e := errorOf(t, body)
	if res.StatusCode != 500 || res.Header.Get("Fake-Declared") != "false" || e.Code != "FAKE_FAULT" || !strings.Contains(e.Message, "a fault of comfyfake") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if !strings.Contains(out.String(), `"cause":"broken on purpose"`) || !strings.Contains(out.String(), "export_test.go") {
		t.Errorf("the log lacks cause or stack: %s", &out)
	}
}

func TestServeDrains(t *testing.T) {
	srv := handler(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- srv.Serve(ctx, ln) }()

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s%s HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\nPrefer: wait=60\r\n\r\n", path, first)
	waitFor(t, func() bool { return len(srv.Requests()) == 1 })
	cancel()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != 200 {
		t.Errorf("the request under way: %v, %v", res, err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestHeaderIsBounded(t *testing.T) {
	srv := fake.Start(t)
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+path+first, nil)
	req.Header.Set("X-Big", strings.Repeat("x", 64<<10))
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 kB of header: %d", res.StatusCode)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		rt := &recordT{}
		srv := fake.Start(rt)
		_ = srv.URL
		rt.end()
	}
}

func FuzzServeHTTP(f *testing.F) {
	f.Add("GET", path+first, "code=200, wait=0", "k")
	f.Add("HEAD", path+"%2e", "code=\"", "")
	srv, err := fake.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target, prefer, key string) {
		r, err := http.NewRequest(method, "http://fake"+target, nil)
		if err != nil || strings.Contains(prefer, "wait") {
			return
		}
		r.Header = http.Header{"Prefer": {prefer}, "X-Api-Key": {key}}
		rec := httptest.NewRecorder()
		srv.ServeHTTP(rec, r)
		if rec.Code == 500 && !strings.Contains(prefer, "500") && !strings.Contains(target, "500") {
			t.Errorf("%s %q, Prefer %q: %s", method, target, prefer, rec.Body)
		}
	})
}
