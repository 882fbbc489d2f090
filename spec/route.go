package spec

import (
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
)

// Match is what [Document.Find] found for a method and a path.
type Match struct {
	// Operation is nil where the document has none for the method and path.
	Operation *Operation

	// Params holds the values of the path's parameters by name, unescaped and
	// written as by [Operation.Param].
	Params map[string]string

	// Allow lists the methods that the path has, sorted, where Operation is
	// nil; empty where the document does not have the path either.
	Allow []string
}

// Find matches a method and an escaped path (see [url.URL.EscapedPath])
// against the document's path templates. A literal segment wins over a
// parameter, as OpenAPI asks. HEAD is answered by GET where the document has
// no HEAD of its own.
func (d *Document) Find(method, escapedPath string) Match {
	var space [8]string
	leaf, values := d.routes.find(strings.TrimPrefix(escapedPath, "/"), space[:0])
	if leaf == nil {
		return Match{}
	}
	op := leaf.operations[method]
	if op == nil && method == http.MethodHead {
		op = leaf.operations[http.MethodGet]
	}
	if op == nil {
		return Match{Allow: leaf.allow()}
	}
	return Match{Operation: op, Params: op.params(values)}
}

// node is a place in the tree of path templates: one level a segment.
type node struct {
	literals   map[string]*node
	parameter  *node
	operations map[string]*Operation // by method; nil where no template ends
}

func (n *node) add(op *Operation) error {
	for _, segment := range strings.Split(strings.TrimPrefix(op.Path, "/"), "/") {
		name, isParameter, err := parseSegment(segment)
		if err != nil {
			return fmt.Errorf("path %s: %w", op.Path, err)
		}
		if isParameter {
			op.paramNames = append(op.paramNames, name)
			n = n.parameterChild()
		} else {
			n = n.literalChild(segment)
		}
	}
	if n.operations == nil {
		n.operations = map[string]*Operation{}
	}
	n.operations[op.Method] = op
	return nil
}

// parseSegment tells a literal segment from a {parameter}.
func parseSegment(segment string) (name string, isParameter bool, err error) {
	if !strings.ContainsAny(segment, "{}") {
		return "", false, nil
	}
	name = strings.TrimSuffix(strings.TrimPrefix(segment, "{"), "}")
	if len(name) != len(segment)-2 || strings.ContainsAny(name, "{}") {
		return "", false, fmt.Errorf("segment %q must be a literal or one whole {parameter}", segment)
	}
	return name, true, nil
}

func (n *node) parameterChild() *node {
	if n.parameter == nil {
		n.parameter = &node{}
	}
	return n.parameter
}

func (n *node) literalChild(segment string) *node {
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	child := n.literals[segment]
	if child == nil {
		child = &node{}
		n.literals[segment] = child
	}
	return child
}

// find walks the segments of path and gathers the values of parameters, still
// escaped. An empty segment is no value.
func (n *node) find(path string, values []string) (*node, []string) {
	segment, rest, more := strings.Cut(path, "/")
	if child := n.literals[segment]; child != nil {
		if leaf, found := child.findRest(rest, more, values); leaf != nil {
			return leaf, found
		}
	}
	if n.parameter == nil || segment == "" {
		return nil, nil
	}
	return n.parameter.findRest(rest, more, append(values, segment))
}

func (n *node) findRest(rest string, more bool, values []string) (*node, []string) {
	if more {
		return n.find(rest, values)
	}
	if n.operations == nil {
		return nil, nil
	}
	return n, values
}

func (n *node) allow() []string {
	methods := sortedKeys(n.operations)
	if n.operations[http.MethodGet] != nil && n.operations[http.MethodHead] == nil {
		methods = append(methods, http.MethodHead)
		sort.Strings(methods)
	}
	return methods
}

// params names the values that find gathered.
func (o *Operation) params(values []string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	params := make(map[string]string, len(values))
	for i, value := range values {
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		params[o.paramNames[i]] = o.Param(o.paramNames[i], value)
	}
	return params
}

// Param writes the value of a path parameter in the one way that compares:
// a UUID in lower case, since either case names the same thing. Other values
// are returned as they are.
func (o *Operation) Param(name, value string) string {
	if p := o.pathParam(name); p != nil && p.Schema != nil && p.Schema.Value.Format == "uuid" && isUUID(value) {
		return strings.ToLower(value)
	}
	return value
}
