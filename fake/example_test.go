package fake_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/comfyfake/comfyfake/fake"
	"github.com/comfyfake/comfyfake/fixtures"
)

// exampleT stands in for the *testing.T of a test.
type exampleT struct{ cleanups []func() }

func (t *exampleT) Helper()                   {}
func (t *exampleT) Cleanup(f func())          { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Logf(string, ...any)       {}
func (t *exampleT) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (t *exampleT) Fatalf(f string, a ...any) { log.Panicf(f, a...) }
func (t *exampleT) end() {
	for _, f := range t.cleanups {
		f()
	}
}

func show(res *http.Response, err error) {
	if err != nil {
		log.Panic(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		log.Panic(err)
	}
	fmt.Printf("%d %s\n", res.StatusCode, body)
}

func ExampleStart() {
	t := &exampleT{} // in a test: the *testing.T
	defer t.end()

	srv := fake.Start(t)
	cat := srv.AddAsset(fixtures.Asset{Name: "cat.png"})
	srv.On("getAssetById").ReplyError(500, "INTERNAL", "boom").Times(1)

	client := srv.Client() // the code under test: give it srv.URL and srv.Key
	show(client.Get(srv.URL + "/api/assets/" + cat.ID))
	res, err := client.Get(srv.URL + "/api/assets/" + cat.ID)
	if err != nil {
		log.Panic(err)
	}
	defer res.Body.Close()
	fmt.Println(res.StatusCode, cat.MimeType, len(srv.Requests("getAssetById")))
	// Output:
	// 500 {"code":"INTERNAL","message":"boom"}
	// 200 image/png 2
}

// A request that breaks the document is the client's bug, and fails the test.
func ExampleStart_problem() {
	t := &exampleT{}
	defer t.end()

	srv := fake.Start(t)
	req, err := http.NewRequest("GET", srv.URL+"/api/assets/cat.png", nil)
	if err != nil {
		log.Panic(err)
	}
	req.Host = "fake" // the port is another one every time
	show(srv.Client().Do(req))
	// Output:
	// comfyfake: request 1 breaks the document: GET /api/assets/cat.png
	// 	id must be a uuid, got "cat.png" (cloud.yaml:29:13)
	// 	answered with 404; curl -H 'X-Api-Key: REDACTED' 'http://fake/api/assets/cat.png'
	// 	a test that sends such requests on purpose starts the server with fake.AllowProblems()
	// 404 {"code":"NOT_FOUND","message":"id must be a uuid, got \"cat.png\""}
}

func ExampleNew() {
	srv, err := fake.New()
	if err != nil {
		log.Panic(err)
	}
	listening := httptest.NewServer(srv)
	defer listening.Close()

	show(srv.Client().Get(listening.URL + "/api/assets/00000000-0000-4000-8000-000000000404"))
	// Output:
	// 404 {"code":"ASSET_NOT_FOUND","message":"this id always answers 404"}
}

func ExampleNew_recorder() {
	srv, err := fake.New()
	if err != nil {
		log.Panic(err)
	}
	req := httptest.NewRequest("GET", "/api/assets/00000000-0000-4000-8000-000000000001", nil)
	req.Header.Set("X-API-Key", srv.Key)
	rec := httptest.NewRecorder()
	srv.ServeHTTP(rec, req)

	var a fixtures.Asset
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		log.Panic(err)
	}
	fmt.Println(rec.Code, a.Name, a.MimeType, a.Tags)
	// Output:
	// 200 ComfyUI_00001_.png image/png [output]
}
