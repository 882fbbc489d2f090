package spec_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/comfyfake/comfyfake/spec"
)

// everything declares one of each kind of thing that a request can break.
const everything = `
openapi: 3.0.3
info: {title: t, version: "1"}
security: [{key: []}]
paths:
  /things/{id}:
    get:
      operationId: getThing
      parameters:
        - {name: id, in: path, required: true, schema: {type: string, format: uuid}}
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 500}}
        - {name: order, in: query, schema: {type: string, enum: [asc, desc]}}
        - {name: hash, in: query, schema: {type: string, pattern: '^blake3:[a-f0-9]{4}$'}}
        - {name: X-Trace, in: header, required: true, schema: {type: string, minLength: 3, maxLength: 5}}
      responses:
        '200':
          description: ok
          headers:
            X-Count: {required: true, schema: {type: integer}}
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
        '204': {description: nothing}
        4XX: {description: bad, content: {application/json: {schema: {type: object}}}}
    delete:
      security: []
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
      responses: {'204': {description: gone}}
  /things/latest:
    post:
      security: [{key: []}, {}]
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
      responses: {default: {description: ok}}
  /things/{id}/parts:
    get:
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
      responses: {'200': {description: ok}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: x-api-key}
  schemas:
    Thing:
      type: object
      required: [id, name]
      additionalProperties: false
      properties:
        id: {type: string, format: uuid}
        name: {type: string}
        when: {type: string, format: date-time}
        link: {type: string, format: uri}
        tags: {type: array, minItems: 1, maxItems: 2, uniqueItems: true, items: {type: string}}
        a/b: {type: boolean}
`

func parse(t *testing.T) *spec.Document {
	t.Helper()
	d, err := spec.Parse("everything.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const aUUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

func TestFind(t *testing.T) {
	d := parse(t)
	for _, tc := range []struct {
		method, path, want string
		params             map[string]string
		allow              []string
	}{
		{"GET", "/things/7", "getThing", map[string]string{"id": "7"}, nil},
		{"HEAD", "/things/7", "getThing", map[string]string{"id": "7"}, nil},
		{"GET", "/things/a%20b%2Fc", "getThing", map[string]string{"id": "a b/c"}, nil},
		{"DELETE", "/things/7", "DELETE /things/{id}", map[string]string{"id": "7"}, nil},
		{"POST", "/things/latest", "POST /things/latest", nil, nil},
		{"GET", "/things/latest/parts", "GET /things/{id}/parts", map[string]string{"id": "latest"}, nil},
		{"GET", "/things/latest", "", nil, []string{"POST"}},
		{"PATCH", "/things/7", "", nil, []string{"DELETE", "GET", "HEAD"}},
		{"GET", "/things", "", nil, nil},
		{"GET", "/things/", "", nil, nil},
		{"GET", "/things/7/", "", nil, nil},
		{"GET", "//things/7", "", nil, nil},
		{"GET", "/", "", nil, nil},
	} {
		m := d.Find(tc.method, tc.path)
		name := ""
		if m.Operation != nil {
			name = m.Operation.Name()
		}
		if name != tc.want || !cmp.Equal(m.Params, tc.params) || !cmp.Equal(m.Allow, tc.allow) {
			t.Errorf("Find(%s %s) = %q, %v, %v; want %q, %v, %v",
				tc.method, tc.path, name, m.Params, m.Allow, tc.want, tc.params, tc.allow)
		}
	}
}

func TestCheckRequest(t *testing.T) {
	d := parse(t)
	for _, tc := range []struct {
		name, method, target, body string
		header                     http.Header
		want                       []string
	}{
		{"good", "GET", "/things/" + aUUID + "?limit=5&order=asc", "", http.Header{"X-Trace": {"abc"}}, nil},
		{"all at once", "GET", "/things/nope?limit=501&order=up&hash=x", "", nil, []string{
			`id must be a uuid, got "nope"`,
			`limit must be at most 500, got 501`,
			`order must be one of "asc", "desc", got "up"`,
			`hash must be a match of ^blake3:[a-f0-9]{4}$, got "x"`,
			`X-Trace is required`,
		}},
		{"no integer", "GET", "/things/" + aUUID + "?limit=many", "", http.Header{"X-Trace": {"abcdefg"}}, []string{
			`limit must be an integer, got "many"`,
			`X-Trace must be at most 5 characters long, got "abcdefg"`,
		}},
		{"empty", "GET", "/things/" + aUUID + "?limit=", "", http.Header{"X-Trace": {"abc"}}, []string{
			`limit must be other than empty, got ""`,
		}},
		{"no body", "POST", "/things/latest", "", nil, []string{`the body is required`}},
		{"body", "POST", "/things/latest", `{"id":1,"tags":["a","a","b"],"a/b":3,"link":"x","when":"2025-02-30T00:00:00Z","zzz":0}`,
			nil, []string{
				`a~1b must be a boolean, got 3`,
				`id must be a string, got 1`,
				`link must be a uri such as https://host/path, got "x"`,
				`tags must be at most 2 items long, got ["a","a","b"]`,
				`tags must be without duplicates, got ["a","a","b"]`,
				`when must be a date-time such as 2025-01-31T12:00:00Z, got "2025-02-30T00:00:00Z"`,
				`zzz must be left out: the document does not have it`,
				`name is required`,
			}},
		{"deep", "POST", "/things/latest", `{"id":"` + aUUID + `","name":"n","tags":[1]}`, nil, []string{
			`tags/0 must be a string, got 1`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, tc.target, strings.NewReader(tc.body))
			if tc.header != nil {
				r.Header = tc.header
			}
			r.Header.Set("Content-Type", "application/json")
			m := d.Find(r.Method, r.URL.EscapedPath())
			var got []string
			for _, p := range m.Operation.CheckRequest(r, m.Params) {
				got = append(got, p.String())
				if !strings.HasPrefix(p.Document, "everything.yaml:") && p.In != "body" {
					t.Errorf("%v: place in the document is %q", p, p.Document)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProblemPlace(t *testing.T) {
	op, err := spec.Cloud().Operation("getAssetById")
	if err != nil {
		t.Fatal(err)
	}
	got := op.CheckParam("id", "not-a-uuid")
	want := spec.Problems{{In: "path", Name: "id", Rule: "format", Wanted: "a uuid", Got: `"not-a-uuid"`}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(spec.Problem{}, "Document")); diff != "" {
		t.Fatalf("problems (-want +got):\n%s", diff)
	}
	if want := "cloud.yaml:29:13"; got[0].Document != want {
		t.Errorf("Document = %q, want %q, the line of format: uuid", got[0].Document, want)
	}
	if p := op.CheckParam("nr", "1"); len(p) != 1 || !strings.Contains(p.Error(), "path parameter of GET /api/assets/{id}") {
		t.Errorf("CheckParam of an unknown name = %v", p)
	}
}

func TestGotIsPrintableAndShort(t *testing.T) {
	op, _ := spec.Cloud().Operation("getAssetById")
	got := op.CheckParam("id", strings.Repeat("\u00e9\r\n", 1000))[0].Got
	if len(got) > 300 || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("Got = %q: long, or not printable ASCII", got)
	}
}

func TestCheckResponse(t *testing.T) {
	op, err := parse(t).Operation("getThing")
	if err != nil {
		t.Fatal(err)
	}
	json := func(extra ...string) http.Header {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(extra); i += 2 {
			h.Set(extra[i], extra[i+1])
		}
		return h
	}
	good := `{"id":"` + aUUID + `","name":"n"}`
	for _, tc := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   string
	}{
		{"good", 200, json("X-Count", "3"), good, ""},
		{"range", 418, json(), `{}`, ""},
		{"empty", 204, nil, "", ""},
		{"body where none is declared", 204, json(), "{}", `the body must be empty, got "{}"`},
		{"undeclared status", 503, json(), `{}`, "the status must be one that the operation declares, got 503"},
		{"content type", 200, http.Header{"Content-Type": {"text/html"}, "X-Count": {"3"}}, "<p>", `Content-Type must be application/json, got "text/html"`},
		{"header missing", 200, json(), good, "X-Count is required"},
		{"header wrong", 200, json("X-Count", "many"), good, `X-Count must be an integer, got "many"`},
		{"no JSON", 200, json("X-Count", "3"), `{"id":`, `the body must be JSON, got "{\"id\":"`},
		{"trailing", 200, json("X-Count", "3"), good + "{}", "the body must be one JSON value and nothing after it"},
		{"null", 200, json("X-Count", "3"), `{"id":null,"name":"n"}`, `id must be other than null, got null`},
		{"two", 200, json("X-Count", "3"), `{"name":1}`, "name must be a string, got 1; id is required"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			problems := op.CheckResponse(tc.status, tc.header, []byte(tc.body))
			got := ""
			if problems != nil {
				got = problems.Error()
			}
			if tc.want == "" && got != "" || !strings.HasPrefix(got, tc.want) {
				t.Errorf("CheckResponse = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCredential(t *testing.T) {
	d := parse(t)
	get, _ := d.Operation("getThing")
	del, _ := d.Operation("DELETE /things/{id}")
	post, _ := d.Operation("POST /things/latest")
	for _, tc := range []struct {
		name     string
		op       *spec.Operation
		header   http.Header
		key      string
		required bool
	}{
		{"header", get, http.Header{"X-Api-Key": {"k"}}, "k", true},
		{"bearer", get, http.Header{"Authorization": {"bearer  k"}}, "k", true},
		{"header before bearer", get, http.Header{"X-Api-Key": {"k"}, "Authorization": {"Bearer b"}}, "k", true},
		{"empty header, bearer", get, http.Header{"X-Api-Key": {""}, "Authorization": {"Bearer b"}}, "b", true},
		{"basic is no key", get, http.Header{"Authorization": {"Basic eDp5"}}, "", true},
		{"none", get, http.Header{}, "", true},
		{"open", del, http.Header{}, "", false},
		{"optional", post, http.Header{}, "", false},
	} {
		key, required := tc.op.Credential(tc.header)
		if key != tc.key || required != tc.required {
			t.Errorf("%s: Credential = %q, %v; want %q, %v", tc.name, key, required, tc.key, tc.required)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, tc := range []struct {
		format    string
		good, bad []string
	}{
		{"uuid", []string{aUUID, strings.ToUpper(aUUID), "00000000-0000-0000-0000-000000000000"},
			[]string{"", "3fa85f64", aUUID + "0", "{" + aUUID + "}", strings.ReplaceAll(aUUID, "-", ""), "gfa85f64-5717-4562-b3fc-2c963f66afa6"}},
		{"uri", []string{"https://a/b?c=%20#d", "urn:x:y", "data:,x", "http://[::1]:80/"},
			[]string{"", "/a/b", "a b", "https://a/b c", "http://é", "x:", "https://a/%zz"}},
		{"date-time", []string{"2025-01-31T12:00:00Z", "2024-02-29T23:59:60.123456789Z", "2025-01-31T12:00:00+02:00"},
			[]string{"", "2025-01-31", "2025-02-29T00:00:00Z", "2025-01-31t12:00:00z", "2025-01-31T24:00:00Z", "2025-01-31T12:00:00", "2025-01-31T12:00:00.Z", "2025-01-31T12:00:00,5Z", "2025-01-31T12:00:00+2:00", "2025-01-31T1::00:00Z"}},
		{"date", []string{"2025-01-31"}, []string{"2025-1-31", "2025-02-30", "31.01.2025"}},
		{"email", []string{"a@b.c"}, []string{"a", "@b", "a@", "a b@c", "a@b@c"}},
		{"hostname", []string{"a", "a-b.c"}, []string{"", "-a", "a..b", "a_b", strings.Repeat("a", 64)}},
		{"ipv4", []string{"127.0.0.1"}, []string{"::1", "1.2.3", "256.1.1.1"}},
		{"ipv6", []string{"::1", "fe80::1"}, []string{"127.0.0.1", "fe80::1%eth0", ":::"}},
	} {
		s := schema(t, "{type: string, format: "+tc.format+"}")
		for _, v := range tc.good {
			if p := s.Check(v); p != nil {
				t.Errorf("%s %q: %v", tc.format, v, p)
			}
		}
		for _, v := range tc.bad {
			if s.Check(v) == nil {
				t.Errorf("%s %q passes", tc.format, v)
			}
		}
	}
}

// schema compiles one schema, written in YAML's flow style.
func schema(t *testing.T, text string) *spec.Schema {
	t.Helper()
	d, err := spec.Parse("schema.yaml", []byte("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents: {schemas: {S: "+text+"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return d.Schema("S")
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no YAML", "a: [", "broken.yaml"},
		{"no document", "a: 1", "broken.yaml"},
		{"partial segment", `{openapi: 3.0.3, info: {title: t, version: "1"}, paths: {"/a/{b}.zip": {get: {parameters: [{name: b, in: path, required: true, schema: {type: string}}], responses: {"200": {description: x}}}}}}`,
			`segment "{b}.zip" must be a literal or one whole {parameter}`},
		{"file reference", `{openapi: 3.0.3, info: {title: t, version: "1"}, paths: {}, components: {schemas: {S: {$ref: "other.yaml"}}}}`, "other.yaml"},
	} {
		_, err := spec.Parse("broken.yaml", []byte(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.want)
		}
	}
}

func TestOperationNames(t *testing.T) {
	d := spec.Cloud()
	byID, err := d.Operation("getAssetById")
	if err != nil {
		t.Fatal(err)
	}
	byPath, err := d.Operation("GET /api/assets/{id}")
	if err != nil || byID != byPath {
		t.Errorf("Operation by path = %v, %v; want the one by id", byPath, err)
	}
	if _, err := d.Operation("getAsset"); err == nil || !strings.Contains(err.Error(), "it has getAssetById") {
		t.Errorf("unknown operation: %v, want an error that lists the known ones", err)
	}
	if got := byID.Name(); got != "getAssetById" {
		t.Errorf("Name = %q", got)
	}
	if !byID.Declares(404) || byID.Declares(429) {
		t.Error("Declares: want 404 and not 429")
	}
}

func FuzzFind(f *testing.F) {
	f.Add("GET", "/api/assets/"+aUUID)
	f.Add("HEAD", "/api/assets/%zz")
	d := spec.Cloud()
	f.Fuzz(func(t *testing.T, method, path string) {
		m := d.Find(method, path)
		if m.Operation != nil && len(m.Params) != 1 {
			t.Errorf("Find(%q, %q) = %v", method, path, m.Params)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := spec.Parse("fuzz.yaml", data)
		if (d == nil) == (err == nil) {
			t.Errorf("Parse = %v, %v", d, err)
		}
	})
}
