package server

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// types are the media types of what the web build makes; a machine's own table of types is not asked, so every machine answers the same.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	".webmanifest": "application/manifest+json", ".json": "application/json", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
	".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm",
}

// smallest is what gzip makes no smaller.
const smallest = 1024

// pages are the built files of a site, kept in memory with their tags and compressed forms.
type pages struct {
	built   bool
	history bool // unknown paths are pages
	files   map[string]page
}

type page struct {
	plain, zipped []byte
	kind, tag     string
	immutable     bool
}

func loadPages(build fs.FS, history bool) (*pages, error) {
	p := &pages{history: history, files: map[string]page{}}
	if build == nil {
		return p, nil
	}
	p.built = true
	err := fs.WalkDir(build, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		kind, known := types[path.Ext(name)]
		if !known {
			return nil // a source map or whatever else a build leaves is nobody's business
		}
		b, err := fs.ReadFile(build, name)
		if err != nil {
			return err
		}
		f, err := newPage(b, kind)
		f.immutable = strings.HasPrefix(name, "assets/") // names there hold a hash of the content
		p.files[name] = f
		return err
	})
	if _, there := p.files["index.html"]; err == nil && !there {
		err = errors.New("the web build has no index.html")
	}
	return p, err
}

func newPage(b []byte, kind string) (page, error) {
	sum := sha256.Sum256(b)
	f := page{plain: b, kind: kind, tag: base64.RawURLEncoding.EncodeToString(sum[:12])}
	if len(b) < smallest || strings.HasPrefix(kind, "image/png") || strings.HasPrefix(kind, "font/") {
		return f, nil
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return f, err
	}
	if _, err := z.Write(b); err != nil {
		return f, err
	}
	if err := z.Close(); err != nil {
		return f, err
	}
	f.zipped = out.Bytes()
	return f, nil
}

// serve answers with a file or a page, or says that it has none.
func (p *pages) serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	f, there := p.files[name]
	if !there {
		if !p.isPage(r) {
			return false
		}
		f, there = p.files["index.html"]
	}
	if !there {
		if !asksForPage(r) {
			return false
		}
		http.Error(w, "The web pages are not built into this binary. Run `make web` and build it again.", http.StatusServiceUnavailable)
		return true
	}
	f.write(w, r)
	return true
}

// isPage: an address of the console without a file of its own. Nothing below /v1/ is, and a name with a dot is a file that is missing.
func (p *pages) isPage(r *http.Request) bool {
	if !asksForPage(r) || r.URL.Path == "/v1" || strings.HasPrefix(r.URL.Path, "/v1/") {
		return false
	}
	return !p.built || (p.history && !strings.Contains(path.Base(r.URL.Path), "."))
}

func (f page) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body, tag := f.plain, f.tag
	if f.zipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			body, tag = f.zipped, tag+"-gz"
			h.Set("Content-Encoding", "gzip")
			r.Header.Del("Range") // ranges are of what is sent; nobody asks for a part of a script
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	w.WriteHeader(http.StatusOK) // gin has noted 404 for a path without a route, and sends nothing yet
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" && strings.ReplaceAll(quality, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
