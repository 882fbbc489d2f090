// Package spec holds the OpenAPI document that comfyfake serves and judges
// requests and responses by it.
//
// Most readers need [Cloud] alone: the document of Comfy Cloud, compiled once
// per process. [Document.Find] matches a request to an [Operation],
// [Operation.CheckRequest] and [Operation.CheckResponse] name every way in
// which a message breaks it, and [Schema] is what a generator of values needs
// to know of a schema.
//
// A compiled document does not change and is safe for parallel use.
package spec

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

//go:embed cloud.yaml
var cloudYAML []byte

var cloud = sync.OnceValue(func() *Document {
	d, err := Parse("cloud.yaml", cloudYAML)
	if err != nil {
		panic(fmt.Sprintf("spec: the embedded document is broken: %v", err))
	}
	return d
})

// Cloud returns the document of Comfy Cloud, version 1, as far as comfyfake
// serves it. It is compiled at the first call.
func Cloud() *Document { return cloud() }

// Document is a compiled OpenAPI document.
type Document struct {
	doc        *openapi3.T
	operations []*Operation
	byName     map[string]*Operation
	schemas    map[string]*Schema
	routes     node

	// first stops at the first problem and is the cheap question asked of
	// every request; all names every problem.
	first, all openapi3filter.Options
}

// Parse compiles an OpenAPI 3.0 document in YAML or JSON. The file name is
// used in errors and in the Document field of problems only. References to
// other files are refused.
func Parse(file string, data []byte) (*Document, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromDataWithPath(data, &url.URL{Path: file})
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	// A wrong example does not make the contract wrong, and published
	// documents have some.
	if err := doc.Validate(context.Background(), openapi3.DisableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	d := &Document{doc: doc, byName: map[string]*Operation{}, schemas: map[string]*Schema{}}
	d.setOptions()
	d.compileSchemas()
	if err := d.compileOperations(); err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	return d, nil
}

func (d *Document) setOptions() {
	d.first = openapi3filter.Options{
		AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
		SkipSettingDefaults:     true,
		IncludeResponseStatus:   true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{withFormats},
	}
	d.all = d.first
	d.all.MultiError = true
}

func (d *Document) compileSchemas() {
	if d.doc.Components == nil {
		return
	}
	c := schemaCompiler{doc: d, done: map[*openapi3.Schema]*Schema{}}
	for name, ref := range d.doc.Components.Schemas {
		s := c.compile(ref)
		s.Name = name
		d.schemas[name] = s
	}
}

func (d *Document) compileOperations() error {
	for _, path := range sortedKeys(d.doc.Paths.Map()) {
		item := d.doc.Paths.Value(path)
		for _, method := range sortedKeys(item.Operations()) {
			op := newOperation(d, path, method, item)
			if err := d.routes.add(op); err != nil {
				return err
			}
			d.operations = append(d.operations, op)
			d.byName[op.String()] = op
			if op.ID != "" {
				d.byName[op.ID] = op
			}
		}
	}
	return nil
}

// Operations lists the document's operations, by path and then by method.
func (d *Document) Operations() []*Operation { return slices.Clone(d.operations) }

// Operation returns the operation of that name: its operationId, or its
// method and path as in "GET /api/assets/{id}". The error for an unknown name
// lists the known ones.
func (d *Document) Operation(name string) (*Operation, error) {
	if op, ok := d.byName[name]; ok {
		return op, nil
	}
	known := make([]string, 0, len(d.operations))
	for _, op := range d.operations {
		known = append(known, op.Name())
	}
	return nil, fmt.Errorf("no operation %q in the document; it has %s", name, strings.Join(known, ", "))
}

// Schema returns the document's component schema of that name, or nil.
func (d *Document) Schema(name string) *Schema { return d.schemas[name] }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
