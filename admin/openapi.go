package admin

import (
	_ "embed" // the document
	"net/http"
)

// openAPIDocument describes the routes of the table that have an id. A test holds both to each other.
//
//go:embed openapi.json
var openAPIDocument []byte

// openAPI answers with the description of the API.
func (s *Server) openAPI(w *response, _ *request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(openAPIDocument)
	return err
}
