package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// Problem is one way in which a message or a value breaks the document.
type Problem struct {
	// In is where it was found: path, query, header, cookie, body, status, or
	// "" for a value that was checked by itself.
	In string `json:"in,omitempty"`

	// Name is that of the parameter or header.
	Name string `json:"name,omitempty"`

	// Pointer is the JSON pointer of the field within the parameter or body;
	// "" is the whole.
	Pointer string `json:"pointer,omitempty"`

	// Rule is the keyword of the document that was broken, such as format,
	// type or required.
	Rule string `json:"rule"`

	// Wanted says what the document asks for: "must be" followed by it is a
	// sentence.
	Wanted string `json:"wanted"`

	// Got quotes what came, in printable ASCII and cut to 64 bytes; "" where
	// nothing came.
	Got string `json:"got,omitempty"`

	// Document is the place that asks for it, as file:line:column.
	Document string `json:"document,omitempty"`
}

const inBody = "body"

// String is the problem as one sentence without a full stop.
func (p Problem) String() string {
	subject := p.Subject()
	switch {
	case p.Rule == "required":
		return subject + " is required"
	case p.Got == "":
		return subject + " must be " + p.Wanted
	}
	return subject + " must be " + p.Wanted + ", got " + p.Got
}

// Subject names what the problem is with, such as "id", "tags/0" or "the body".
func (p Problem) Subject() string {
	pointer := strings.TrimPrefix(p.Pointer, "/")
	switch {
	case p.Name != "" && pointer != "":
		return p.Name + "/" + pointer
	case p.Name != "":
		return p.Name
	case pointer != "":
		return pointer
	case p.In != "":
		return "the " + p.In
	}
	return "the value"
}

// Problems are all the ways in which one message or value breaks the
// document. No problems are nil.
type Problems []Problem

// Error joins the problems' sentences with "; ".
func (ps Problems) Error() string {
	sentences := make([]string, len(ps))
	for i, p := range ps {
		sentences[i] = p.String()
	}
	return strings.Join(sentences, "; ")
}

// problemsOf translates an error of the validator.
func problemsOf(err error) Problems { return collect(Problem{}, err) }

// collect translates err, which happened at a place that at knows.
func collect(at Problem, err error) Problems {
	switch e := err.(type) {
	case nil:
		return nil
	case openapi3.MultiError:
		var ps Problems
		for _, one := range e {
			ps = append(ps, collect(at, one)...)
		}
		return ps
	case *openapi3filter.RequestError:
		return collectRequest(e)
	case *openapi3filter.ResponseError:
		return collectResponse(e)
	case *openapi3filter.ParseError:
		return Problems{parseProblem(at, e)}
	case *openapi3.SchemaError:
		return Problems{schemaProblem(at, e)}
	}
	at.Rule, at.Wanted = "other", "valid: "+err.Error()
	return Problems{at}
}

func collectRequest(e *openapi3filter.RequestError) Problems {
	at := Problem{In: inBody}
	if p := e.Parameter; p != nil {
		at = Problem{In: p.In, Name: p.Name, Document: place(p.Origin, "")}
		if p.Schema != nil && p.Schema.Value != nil {
			at.Document = place(p.Schema.Value.Origin, "type")
		}
	}
	switch {
	case errors.Is(e.Err, openapi3filter.ErrInvalidRequired):
		at.Rule, at.Wanted = "required", "present"
		return Problems{at}
	case errors.Is(e.Err, openapi3filter.ErrInvalidEmptyValue):
		at.Rule, at.Wanted, at.Got = "allowEmptyValue", "other than empty", `""`
		return Problems{at}
	case e.Err == nil:
		at.Rule, at.Wanted = "other", "valid: "+e.Reason
		return Problems{at}
	}
	return collect(at, e.Err)
}

func collectResponse(e *openapi3filter.ResponseError) Problems {
	at := Problem{In: inBody}
	switch {
	case strings.HasPrefix(e.Reason, "status is not supported"):
		at.In, at.Rule = "status", "responses"
		at.Wanted, at.Got = "one that the operation declares", strconv.Itoa(e.Input.Status)
		return Problems{at}
	case strings.HasPrefix(e.Reason, "response header Content-Type"):
		return Problems{contentTypeProblem(e)}
	case strings.HasPrefix(e.Reason, "response header"), strings.HasPrefix(e.Reason, "unable to"):
		at.In, at.Name = "header", quotedPart(e.Reason)
		if e.Err == nil {
			at.Rule, at.Wanted = "required", "present"
			return Problems{at}
		}
	}
	if e.Err == nil {
		at.Rule, at.Wanted = "other", "valid: "+e.Reason
		return Problems{at}
	}
	return collect(at, e.Err)
}

func contentTypeProblem(e *openapi3filter.ResponseError) Problem {
	responses := e.Input.RequestValidationInput.Route.Operation.Responses
	declared := responses.Status(e.Input.Status)
	if declared == nil {
		declared = responses.Default()
	}
	wanted := strings.Join(sortedKeys(declared.Value.Content), " or ")
	return Problem{In: "header", Name: "Content-Type", Rule: "content", Wanted: wanted, Got: quote(e.Input.Header.Get("Content-Type"))}
}

// quotedPart returns what stands between the first two quotes of s.
func quotedPart(s string) string {
	_, rest, _ := strings.Cut(s, `"`)
	part, _, _ := strings.Cut(rest, `"`)
	return part
}

func parseProblem(at Problem, e *openapi3filter.ParseError) Problem {
	for _, key := range e.Path() {
		at.Pointer += "/" + escapePointer(fmt.Sprint(key))
	}
	var root error = e
	for inner := e; inner != nil; {
		root = inner
		if inner.Value != nil {
			at.Got = quoteValue(inner.Value)
		}
		next, _ := inner.Cause.(*openapi3filter.ParseError)
		inner = next
	}
	at.Rule, at.Wanted = "type", "valid: "+root.(*openapi3filter.ParseError).Reason
	if noun, ok := strings.CutPrefix(root.(*openapi3filter.ParseError).Reason, "an invalid "); ok {
		at.Wanted = article(noun) + " " + noun
	}
	return at
}

func schemaProblem(at Problem, e *openapi3.SchemaError) Problem {
	for _, key := range e.JSONPointer() {
		at.Pointer += "/" + escapePointer(key)
	}
	at.Rule = e.SchemaField
	at.Wanted = wanted(e)
	if e.Schema != nil {
		at.Document = place(e.Schema.Origin, e.SchemaField)
	}
	switch at.Rule {
	case "required":
	case "properties": // the validator points to the object, not to what it should not have
		at.Pointer += "/" + escapePointer(quotedPart(e.Reason))
	default:
		at.Got = quoteValue(e.Value)
	}
	return at
}

// wanted says what the broken keyword asks for.
func wanted(e *openapi3.SchemaError) string {
	s := e.Schema
	switch e.SchemaField {
	case "type":
		return strings.Join(withArticles(s.Type.Slice()), " or ")
	case "format":
		if f, ok := formats[s.Format]; ok {
			return f.noun
		}
		return article(s.Format) + " " + s.Format
	case "pattern":
		return "a match of " + s.Pattern
	case "enum":
		return "one of " + join(s.Enum)
	case "nullable":
		return "other than null"
	case "required":
		return "present"
	case "properties":
		return "left out: the document does not have it"
	case "minLength":
		return fmt.Sprintf("at least %d characters long", s.MinLength)
	case "maxLength":
		return fmt.Sprintf("at most %d characters long", *s.MaxLength)
	case "minItems":
		return fmt.Sprintf("at least %d items long", s.MinItems)
	case "maxItems":
		return fmt.Sprintf("at most %d items long", *s.MaxItems)
	case "uniqueItems":
		return "without duplicates"
	case "minimum":
		return "at least " + number(*s.Min)
	case "maximum":
		return "at most " + number(*s.Max)
	}
	return "valid: " + e.Reason
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func withArticles(types []string) []string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = article(t) + " " + t
	}
	return out
}

func article(noun string) string {
	if strings.ContainsRune("aeio", rune(noun[0])) { // of OpenAPI's words, those with u say "you"
		return "an"
	}
	return "a"
}

func join(values []any) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quoteValue(v)
	}
	return strings.Join(quoted, ", ")
}

// place is where a keyword stands in its file, or where its object starts.
func place(origin *openapi3.Origin, keyword string) string {
	if origin == nil {
		return ""
	}
	at, ok := origin.Fields.Lookup(keyword)
	if !ok && len(origin.Sequences[keyword]) > 0 {
		at, ok = origin.Sequences[keyword][0], true
	}
	if !ok && origin.Key != nil {
		at = *origin.Key
	}
	return fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Column)
}

func escapePointer(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

func quoteValue(v any) string {
	if s, ok := v.(string); ok {
		return quote(s)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return quote(fmt.Sprint(v))
	}
	text := strconv.QuoteToASCII(string(data))
	text = strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`)
	if len(text) > mostGot {
		return text[:mostGot] + "..."
	}
	return text
}

// mostGot bounds what is shown of a value, in bytes.
const mostGot = 64

// quote makes s safe to stand in a header and short enough for a sentence.
func quote(s string) string {
	if len(s) <= mostGot {
		return strconv.QuoteToASCII(s)
	}
	quoted := strconv.QuoteToASCII(s[:mostGot])
	return quoted[:len(quoted)-1] + `..."`
}
