package fake

import (
	"net/http"
	"time"

	"github.com/rs/cors"
)

// cors lets pages of other origins call the server and read its answers,
// headers included. It stands before routing, since a preflight is no
// operation.
//
// The real cloud serves its pages from its own origin and has no such headers;
// a page under development comes from another one.
func (s *Server) cors(next http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowedOrigins: s.options.origins,
		AllowedMethods: []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		},
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{
			"Allow", "Content-Disposition", "Content-Length", "Content-Range", "ETag", "Location", "Retry-After",
			"Fake-Declared", "Fake-Problem", "Fake-Request", "Fake-Warning", "Preference-Applied",
		},
		MaxAge:              int((10 * time.Minute).Seconds()),
		AllowPrivateNetwork: true,
	}).Handler(next)
}
