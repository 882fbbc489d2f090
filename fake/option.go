package fake

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/comfyfake/comfyfake/fixtures"
)

// DefaultSeed is what everything generated follows from unless [WithSeed]
// says otherwise.
const DefaultSeed = 1

// Option is a choice made when a server starts.
type Option func(*options)

type options struct {
	seed            int64
	fixtures        []string // nil: the embedded set
	set             *fixtures.Set
	keys            []string // none: any that is not empty
	origins         []string // none: any
	generateUnknown bool
	allowProblems   bool
	logger          *slog.Logger
	logRequests     bool
}

// WithSeed makes everything generated follow from a seed. The default is
// [DefaultSeed].
func WithSeed(seed int64) Option { return func(o *options) { o.seed = seed } }

// WithFixtures loads files and folders in place of the embedded set, as
// [fixtures.Load] does; the name "embedded" is that set. No path at all leaves
// the server empty.
func WithFixtures(paths ...string) Option {
	return func(o *options) { o.fixtures, o.set = append([]string{}, paths...), nil }
}

// WithFixtureSet takes a set that was loaded before, in place of the embedded
// one. It should have been loaded with the server's seed.
func WithFixtureSet(set *fixtures.Set) Option { return func(o *options) { o.set = set } }

// WithAPIKeys names the only keys that the server accepts. Without it any key
// is accepted that is not empty.
func WithAPIKeys(keys ...string) Option { return func(o *options) { o.keys = slices.Clone(keys) } }

// WithCORSOrigins names the origins whose pages may read answers, such as
// http://localhost:5173. Without it pages of any origin may.
func WithCORSOrigins(origins ...string) Option {
	return func(o *options) { o.origins = slices.Clone(origins) }
}

// WithUnknownGenerated answers every id that is not known with an asset of its
// own, for ever the same, in place of 404.
func WithUnknownGenerated() Option { return func(o *options) { o.generateUnknown = true } }

// AllowProblems keeps requests that break the document from failing the test.
// They are refused all the same.
func AllowProblems() Option { return func(o *options) { o.allowProblems = true } }

// WithLogger sends faults of the fake itself to a logger, and a line for every
// request if requests is true. Without it nothing is logged, or, by Start, to
// the test.
func WithLogger(logger *slog.Logger, requests bool) Option {
	return func(o *options) { o.logger, o.logRequests = logger, requests }
}

// start is what a server starts with: fixtures, encoded. It is shared by all
// servers of the same fixtures and seed, and never changed.
type start struct {
	assets  map[string]*asset
	scripts []fixtures.Script
}

// embedded is the start that most tests have in common.
var embedded = sync.OnceValue(func() start { return newStart(fixtures.Embedded(DefaultSeed)) })

func (o *options) start() (start, error) {
	if o.set != nil {
		return newStart(o.set), nil
	}
	paths := o.fixtures
	if paths == nil {
		if o.seed == DefaultSeed {
			return embedded(), nil
		}
		paths = []string{fixtures.EmbeddedName}
	}
	set, err := fixtures.Load(o.seed, paths...)
	if err != nil {
		return start{}, err
	}
	return newStart(set), nil
}

func newStart(set *fixtures.Set) start {
	st := start{assets: make(map[string]*asset, len(set.Assets)), scripts: set.Scripts}
	for _, a := range set.Assets {
		st.assets[a.ID] = newAsset(a, "fixture "+set.Source(a.ID))
	}
	return st
}

// newScripts readies the scripts for one server, which counts their use.
func (st start) newScripts() []*Script {
	list := make([]*Script, len(st.scripts))
	for i, s := range st.scripts {
		list[i] = &Script{op: s.On, when: s.When, source: s.Source}
		for _, r := range s.Reply {
			list[i].steps = append(list[i].steps, newStep(r, s.Source))
		}
	}
	return list
}
