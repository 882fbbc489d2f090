package fake

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// servePreview draws the picture that a generated preview_url leads to. It
// wants no key, since a page shows it in an <img>.
func (s *Server) servePreview(w http.ResponseWriter, r *http.Request) {
	id := strings.ToLower(mux.Vars(r)["id"])
	if s.assets.get(id) == nil && !s.options.generateUnknown {
		refusal(plainError(http.StatusNotFound, "NOT_FOUND", "there is no asset "+cut(id, 100))).ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	writeBody(w, r, http.StatusOK, content{[][]byte{drawPreview(id)}})
}

const (
	previewSize  = 256 // pixels, both ways
	previewCells = 8   // of the pattern, both ways
)

// drawPreview draws a symmetrical pattern in two colours, other for every id.
func drawPreview(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	picture := image.NewPaletted(image.Rect(0, 0, previewSize, previewSize), color.Palette{
		color.RGBA{235 - sum[0]%24, 235 - sum[1]%24, 235 - sum[2]%24, 255},
		color.RGBA{40 + sum[3]%160, 40 + sum[4]%160, 40 + sum[5]%160, 255},
	})
	const cell = previewSize / previewCells
	for y := range previewSize {
		for x := range previewSize {
			column, row := x/cell, y/cell
			column = min(column, previewCells-1-column)
			bit := row*previewCells/2 + column
			picture.SetColorIndex(x, y, sum[8+bit/8]>>(bit%8)&1)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		panic(err) // writing to memory
	}
	return out.Bytes()
}
