package usage

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// maxPaths bounds how many raw paths a Generations remembers the endpoint of.
const maxPaths = 1 << 16

// Generations turns conformed generations into what GenerationFacts groups: unknown features become Other, api_path
// becomes the endpoint with identifiers replaced, only where the feature is API, and a null used_iq is false.
// It remembers what it has seen of paths, and is not safe for concurrent use.
type Generations struct {
	mem       memory.Allocator
	anonymize func(path string) string
	known     map[string]bool
	endpoints map[string]string
}

// NewGenerations returns a Generations; anonymize turns a called path into an endpoint, empty for none.
func NewGenerations(mem memory.Allocator, anonymize func(path string) string) *Generations {
	g := &Generations{mem: mem, anonymize: anonymize, known: map[string]bool{}, endpoints: map[string]string{}}
	features := dictionary.Generations.Fields[dictionary.Generations.Index("generation_feature")]
	for _, v := range features.Enum {
		g.known[v.Name] = true
	}
	return g
}

// Prepare returns rec, a conformed batch of generations, with those columns replaced: same rows, same order. The
// caller releases both.
func (g *Generations) Prepare(rec arrow.Record) (arrow.Record, error) {
	def := dictionary.Generations
	cols := append([]arrow.Array(nil), rec.Columns()...)
	fields := append([]arrow.Field(nil), rec.Schema().Fields()...)
	var made []arrow.Array
	defer func() {
		for _, c := range made {
			c.Release()
		}
	}()
	replace := func(field string, col arrow.Array) {
		i := def.Index(field)
		cols[i], fields[i].Type = col, col.DataType()
		made = append(made, col)
	}

	feature, path := def.Index("generation_feature"), def.Index("api_path")
	isAPI, err := g.features(cols[feature], func(col arrow.Array) { replace("generation_feature", col) })
	if err != nil {
		return nil, err
	}
	if cols[path].NullN() < cols[path].Len() {
		col, err := g.paths(cols[path], isAPI)
		if err != nil {
			return nil, err
		}
		replace("api_path", col)
	}
	iq := cols[def.Index("used_iq")].(*array.Boolean)
	if iq.NullN() > 0 {
		b := array.NewBooleanBuilder(g.mem)
		defer b.Release()
		b.Reserve(iq.Len())
		for i := range iq.Len() {
			b.UnsafeAppend(iq.IsValid(i) && iq.Value(i))
		}
		replace("used_iq", b.NewArray())
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, rec.NumRows()), nil
}

// features tells the rows whose feature is API, and hands on a column with Other for unknown values if there are any.
func (g *Generations) features(col arrow.Array, replace func(arrow.Array)) ([]bool, error) {
	isAPI := make([]bool, col.Len())
	switch col := col.(type) {
	case *array.Dictionary:
		values, ok := col.Dictionary().(*array.String)
		if !ok {
			break
		}
		api, unknown := make([]bool, values.Len()), false
		for i := range values.Len() {
			api[i] = values.Value(i) == dictionary.FeatureAPI
			unknown = unknown || values.IsValid(i) && !g.known[values.Value(i)]
		}
		for i := range isAPI {
			isAPI[i] = col.IsValid(i) && api[col.GetValueIndex(i)]
		}
		if unknown {
			b := array.NewStringBuilder(g.mem)
			defer b.Release()
			for i := range values.Len() {
				b.Append(g.feature(values.Value(i)))
			}
			dict := b.NewArray()
			defer dict.Release()
			replace(array.NewDictionaryArray(col.DataType(), col.Indices(), dict))
		}
		return isAPI, nil
	case *array.String:
		unknown := false
		for i := range isAPI {
			isAPI[i] = col.IsValid(i) && col.Value(i) == dictionary.FeatureAPI
			unknown = unknown || col.IsValid(i) && !g.known[col.Value(i)]
		}
		if unknown {
			b := array.NewStringBuilder(g.mem)
			defer b.Release()
			for i := range col.Len() {
				if col.IsNull(i) {
					b.AppendNull()
				} else {
					b.Append(g.feature(col.Value(i)))
				}
			}
			replace(b.NewArray())
		}
		return isAPI, nil
	}
	return nil, fmt.Errorf("usage: generation_feature is %s, want utf8", col.DataType())
}

func (g *Generations) feature(v string) string {
	if g.known[v] {
		return v
	}
	return dictionary.FeatureOther
}

// paths returns the endpoints of the rows that have one: dictionary<int32, utf8>.
func (g *Generations) paths(col arrow.Array, isAPI []bool) (arrow.Array, error) {
	value, err := texts(col)
	if err != nil {
		return nil, fmt.Errorf("usage: api_path: %w", err)
	}
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	index := array.NewInt32Builder(g.mem)
	defer index.Release()
	index.Reserve(col.Len())
	values := array.NewStringBuilder(g.mem)
	defer values.Release()
	codes := map[string]int32{}
	for i, api := range isAPI {
		if !api || col.IsNull(i) {
			index.UnsafeAppendBoolToBitmap(false)
			continue
		}
		endpoint := g.endpoint(value(i))
		if endpoint == "" {
			index.UnsafeAppendBoolToBitmap(false)
			continue
		}
		code, ok := codes[endpoint]
		if !ok {
			code = int32(values.Len())
			codes[endpoint] = code
			values.Append(endpoint)
		}
		index.UnsafeAppend(code)
	}
	idx, dict := index.NewArray(), values.NewArray()
	defer idx.Release()
	defer dict.Release()
	return array.NewDictionaryArray(dt, idx, dict), nil
}

func (g *Generations) endpoint(path string) string {
	if e, ok := g.endpoints[path]; ok {
		return e
	}
	if len(g.endpoints) >= maxPaths {
		clear(g.endpoints)
	}
	// path may point into the batch, which will be freed.
	path = string(append([]byte(nil), path...))
	e := g.anonymize(path)
	g.endpoints[path] = e
	return e
}

// texts returns a function from row to value for a utf8 or dictionary<…, utf8> column; only for rows not null.
func texts(col arrow.Array) (func(int) string, error) {
	switch col := col.(type) {
	case *array.String:
		return col.Value, nil
	case *array.Dictionary:
		if values, ok := col.Dictionary().(*array.String); ok {
			return func(i int) string { return values.Value(col.GetValueIndex(i)) }, nil
		}
	}
	return nil, fmt.Errorf("column of %s, want utf8", col.DataType())
}
