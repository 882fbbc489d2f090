package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/comfyfake/comfyfake/fixtures"
)

// asset is a stored asset, encoded when it was stored.
type asset struct {
	fixtures.Asset
	answer reply
}

func newAsset(a fixtures.Asset, by string) *asset {
	data, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("fake: asset %s cannot be encoded: %v", a.ID, err)) // it came from JSON
	}
	return &asset{a, reply{
		status: http.StatusOK,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   newContent(data),
		by:     by,
	}}
}

// assets are what a server started with, shared with others, and what was
// added to it.
type assets struct {
	start map[string]*asset

	mu    sync.RWMutex
	added map[string]*asset
}

// get returns the asset of an id in lower case, or nil.
func (as *assets) get(id string) *asset {
	as.mu.RLock()
	defer as.mu.RUnlock()
	if a := as.added[id]; a != nil {
		return a
	}
	return as.start[id]
}

// getAsset answers getAssetById.
func (s *Server) getAsset(x *exchange) reply {
	id := x.params["id"]
	if a := s.assets.get(id); a != nil {
		return a.answer
	}
	if s.options.generateUnknown || x.prefer.code == http.StatusOK {
		return s.generateAsset(x, id)
	}
	return s.errorReply(x, "no fixture", http.StatusNotFound, "ASSET_NOT_FOUND", "there is no asset "+id)
}

func (s *Server) generateAsset(x *exchange, id string) reply {
	a, err := s.generator.Asset(fixtures.Asset{ID: id}, nil)
	if err != nil {
		return s.fault(x, err.Error(), nil)
	}
	return newAsset(a, fmt.Sprintf("generated from seed %d", s.options.seed)).answer
}

// AddAsset stores an asset and returns it. What the given one does not say is
// generated: the same for the same seed and id, or name where no id is given.
// An asset that breaks the document, or whose id is taken, fails the test;
// without a test it panics.
func (s *Server) AddAsset(partial fixtures.Asset) fixtures.Asset {
	s.helper()
	added, err := s.assets.add(s.generator, partial)
	if err != nil {
		s.fail("AddAsset: %v", err)
		return partial
	}
	if s.URL != "" {
		added.PreviewURL = strings.Replace(added.PreviewURL, fixtures.Origin, s.URL, 1)
	}
	return added
}

func (as *assets) add(g *fixtures.Generator, partial fixtures.Asset) (fixtures.Asset, error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	taken := func(id string) bool { return as.added[id] != nil || as.start[id] != nil }
	if taken(strings.ToLower(partial.ID)) {
		return partial, fmt.Errorf("there is an asset %s already", partial.ID)
	}
	whole, err := g.Asset(partial, taken)
	if err != nil {
		return partial, err
	}
	if as.added == nil {
		as.added = map[string]*asset{}
	}
	as.added[whole.ID] = newAsset(whole, "AddAsset")
	return whole, nil
}
