package spec

import (
	"slices"
	"sort"

	"github.com/getkin/kin-openapi/openapi3"
)

// Schema is what a generator of values needs to know of a schema: references
// resolved, properties in order of name. The fields are OpenAPI's keywords; a
// zero field is a keyword that is not there. Read only.
type Schema struct {
	Name        string // of the component; "" for an inline schema
	Types       []string
	Nullable    bool
	Format      string
	Pattern     string
	Enum        []any
	Minimum     *float64
	Maximum     *float64
	MinLength   int
	MaxLength   *int
	MinItems    int
	MaxItems    *int
	UniqueItems bool
	Items       *Schema
	Properties  []Property
	Required    []string

	// Unsupported lists the keywords of the schema that stand in no field
	// here and that a value could break.
	Unsupported []string

	doc    *Document
	schema *openapi3.Schema
}

// Property is a named property of an object schema.
type Property struct {
	Name     string
	Schema   *Schema
	Required bool
}

// Property returns the schema of the property of that name, or nil.
func (s *Schema) Property(name string) *Schema {
	for i := range s.Properties {
		if s.Properties[i].Name == name {
			return s.Properties[i].Schema
		}
	}
	return nil
}

// Is tells whether the schema allows values of a type, named as in OpenAPI. A
// schema without types allows all.
func (s *Schema) Is(name string) bool {
	return len(s.Types) == 0 || slices.Contains(s.Types, name)
}

// Check names every way in which a value breaks the schema. Values are those
// of encoding/json: nil, bool, float64 (or int64), string, []any and
// map[string]any.
func (s *Schema) Check(value any) Problems {
	if s.schema.VisitJSON(value, withFormats, openapi3.FailFast()) == nil {
		return nil
	}
	return problemsOf(s.schema.VisitJSON(value, withFormats, openapi3.MultiErrors()))
}

// MarshalJSON gives the schema as it stands in the document.
func (s *Schema) MarshalJSON() ([]byte, error) { return s.schema.MarshalJSON() }

// schemaCompiler turns the validator's schemas into ours, each once, so that
// a schema may refer to itself.
type schemaCompiler struct {
	doc  *Document
	done map[*openapi3.Schema]*Schema
}

func (c schemaCompiler) compile(ref *openapi3.SchemaRef) *Schema {
	if ref == nil || ref.Value == nil {
		return nil
	}
	k := ref.Value
	if s, ok := c.done[k]; ok {
		return s
	}
	s := &Schema{
		Nullable: k.Nullable, Format: k.Format, Pattern: k.Pattern, Enum: k.Enum,
		Minimum: k.Min, Maximum: k.Max,
		MinLength: int(k.MinLength), MaxLength: toInt(k.MaxLength),
		MinItems: int(k.MinItems), MaxItems: toInt(k.MaxItems), UniqueItems: k.UniqueItems,
		Required: k.Required, Unsupported: unsupported(k),
		doc: c.doc, schema: k,
	}
	c.done[k] = s
	if k.Type != nil {
		s.Types = k.Type.Slice()
	}
	s.Items = c.compile(k.Items)
	s.Properties = c.properties(k)
	return s
}

func (c schemaCompiler) properties(k *openapi3.Schema) []Property {
	required := make(map[string]bool, len(k.Required))
	for _, name := range k.Required {
		required[name] = true
	}
	properties := make([]Property, 0, len(k.Properties))
	for name, ref := range k.Properties {
		properties = append(properties, Property{Name: name, Schema: c.compile(ref), Required: required[name]})
	}
	sort.Slice(properties, func(i, j int) bool { return properties[i].Name < properties[j].Name })
	return properties
}

func unsupported(k *openapi3.Schema) []string {
	keywords := map[string]bool{
		"allOf": len(k.AllOf) > 0, "anyOf": len(k.AnyOf) > 0, "oneOf": len(k.OneOf) > 0, "not": k.Not != nil,
		"multipleOf": k.MultipleOf != nil, "minProperties": k.MinProps > 0, "discriminator": k.Discriminator != nil,
		"exclusiveMinimum": k.ExclusiveMin.IsSet(), "exclusiveMaximum": k.ExclusiveMax.IsSet(),
	}
	var names []string
	for _, name := range sortedKeys(keywords) {
		if keywords[name] {
			names = append(names, name)
		}
	}
	return names
}

func toInt(n *uint64) *int {
	if n == nil {
		return nil
	}
	i := int(min(*n, 1<<31-1))
	return &i
}
