package spec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Operation is one method of one path of a document.
type Operation struct {
	ID     string   // operationId; "" where the document gives none
	Method string   // upper case
	Path   string   // the template, such as /api/assets/{id}
	Tags   []string // the document's tags

	doc        *Document
	route      routers.Route
	paramNames []string // of the path, in order
	security   security
}

func newOperation(d *Document, path, method string, item *openapi3.PathItem) *Operation {
	o := item.GetOperation(method)
	op := &Operation{ID: o.OperationID, Method: method, Path: path, Tags: o.Tags, doc: d}
	op.security = compileSecurity(d.doc, o)
	// Keys are asked for by Credential, before anything else; the validator
	// need not ask again.
	open := *o
	open.Security = openapi3.NewSecurityRequirements()
	op.route = routers.Route{Spec: d.doc, Path: path, PathItem: item, Method: method, Operation: &open}
	return op
}

// Name is the operation's operationId, or its String where it has none.
func (o *Operation) Name() string {
	if o.ID != "" {
		return o.ID
	}
	return o.String()
}

// String is the operation's method and path, as in "GET /api/assets/{id}".
func (o *Operation) String() string { return o.Method + " " + o.Path }

// security is what an operation asks of a request's key.
type security struct {
	required bool
	headers  []string // canonical names of headers that carry a key
}

func compileSecurity(doc *openapi3.T, o *openapi3.Operation) security {
	alternatives := doc.Security
	if o.Security != nil {
		alternatives = *o.Security
	}
	s := security{required: len(alternatives) > 0}
	for _, alternative := range alternatives {
		if len(alternative) == 0 {
			s.required = false
		}
		for name := range alternative {
			scheme := doc.Components.SecuritySchemes[name].Value
			if scheme.Type == "apiKey" && scheme.In == openapi3.ParameterInHeader {
				s.headers = append(s.headers, http.CanonicalHeaderKey(scheme.Name))
			}
		}
	}
	slices.Sort(s.headers)
	return s
}

// Credential returns the key that a request carries, "" where it carries
// none, and whether the operation asks for one.
//
// The document knows the header X-API-Key alone. Comfy Cloud takes
// "Authorization: Bearer" on the same operations, so a bearer token counts as
// the same key here.
func (o *Operation) Credential(header http.Header) (key string, required bool) {
	for _, name := range o.security.headers {
		if values := header[name]; len(values) > 0 && values[0] != "" {
			return values[0], o.security.required
		}
	}
	return bearer(header), o.security.required
}

func bearer(header http.Header) string {
	const scheme = "bearer "
	value := header.Get("Authorization")
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimSpace(value[len(scheme):])
}

// CheckRequest names every way in which r breaks the operation: its
// parameters, given those of the path by name as [Document.Find] returns
// them, and its body. It does not look at keys; see [Operation.Credential].
// It reads the body and puts it back.
func (o *Operation) CheckRequest(r *http.Request, path map[string]string) Problems {
	input := openapi3filter.RequestValidationInput{
		Request: r, PathParams: path, Route: &o.route, Options: &o.doc.first,
	}
	if openapi3filter.ValidateRequest(r.Context(), &input) == nil {
		return nil
	}
	input.Options = &o.doc.all
	return problemsOf(openapi3filter.ValidateRequest(r.Context(), &input))
}

// CheckParam names every way in which value breaks the path parameter of that
// name. An unknown name is a problem too.
func (o *Operation) CheckParam(name, value string) Problems {
	if !slices.Contains(o.paramNames, name) {
		return Problems{{In: "path", Name: name, Rule: "name",
			Wanted: "a path parameter of " + o.String(), Got: quote(name)}}
	}
	params := map[string]string{name: value}
	input := openapi3filter.RequestValidationInput{
		Request: &http.Request{Header: http.Header{}}, PathParams: params, Route: &o.route, Options: &o.doc.all,
	}
	if p := o.pathParam(name); p != nil {
		return problemsOf(openapi3filter.ValidateParameter(context.Background(), &input, p))
	}
	return nil
}

// pathParam returns a parameter of the path, or nil.
func (o *Operation) pathParam(name string) *openapi3.Parameter {
	if p := o.route.Operation.Parameters.GetByInAndName(openapi3.ParameterInPath, name); p != nil {
		return p
	}
	return o.route.PathItem.Parameters.GetByInAndName(openapi3.ParameterInPath, name)
}

// Declares tells whether the document gives the operation a response of that
// status, be it by number, by range (4XX) or by default.
func (o *Operation) Declares(status int) bool { return o.response(status) != nil }

func (o *Operation) response(status int) *openapi3.Response {
	ref := o.route.Operation.Responses.Status(status)
	if ref == nil {
		ref = o.route.Operation.Responses.Default()
	}
	if ref == nil {
		return nil
	}
	return ref.Value
}

// CheckResponse names every way in which a response breaks the operation. A
// status that the document does not declare is a problem.
func (o *Operation) CheckResponse(status int, header http.Header, body []byte) Problems {
	if r := o.response(status); r != nil && len(r.Content) == 0 && len(body) > 0 {
		return Problems{{In: inBody, Rule: "content", Wanted: "empty", Got: quote(string(body))}}
	}
	if p := checkJSON(header, body); p != nil {
		return p
	}
	input := openapi3filter.ResponseValidationInput{
		// The validator looks at nothing of a HEAD, so it is shown a GET.
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: &http.Request{Method: http.MethodGet}, Route: &o.route, Options: &o.doc.all,
		},
		Status: status, Header: header, Options: &o.doc.all,
	}
	input.SetBodyBytes(body)
	return problemsOf(openapi3filter.ValidateResponse(context.Background(), &input))
}

// checkJSON finds what the validator overlooks: text after the JSON value.
func checkJSON(header http.Header, body []byte) Problems {
	if len(body) == 0 || !strings.Contains(header.Get("Content-Type"), "json") {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	var value json.RawMessage
	if err := decoder.Decode(&value); err != nil {
		return Problems{{In: inBody, Rule: "syntax", Wanted: "JSON", Got: quote(string(body))}}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Problems{{In: inBody, Rule: "syntax", Wanted: "one JSON value and nothing after it", Got: quote(string(body))}}
	}
	return nil
}
