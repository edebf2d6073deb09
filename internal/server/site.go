// Package server is the http.Server's life cycle and what surrounds the doors it is handed: the two origins, their security headers, request
// ids and log lines, the built web pages, TLS, health and diagnostics. It imports no door and knows no rule of the product.
package server

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
)

// Site is one of the two origins: the console with SCIM, or the companion.
type Site struct {
	Name  string   // "console" or "companion", for log lines and metrics
	URL   *url.URL // scheme, host and port
	Also  []string // further values of Host under which it is the right place
	Build fs.FS    // built pages; nil where this binary was compiled without them
	// Pages says that the site has pages with addresses of their own: an unknown path asked for as HTML is answered with index.html.
	Pages bool
	// Camera lets the site's pages ask for the camera.
	Camera bool
	// Mount adds the doors.
	Mount func(*gin.Engine)
	// Wrap goes around everything below the headers, for example sessions.
	Wrap func(http.Handler) http.Handler
	// Unknown may answer a path or method that no door has, in a dialect of its own; it says whether it did.
	Unknown func(c *gin.Context, status int) bool
}

// Options are what both sites share.
type Options struct {
	Log     *slog.Logger
	Proxies []netip.Prefix // whose X-Forwarded-For and X-Forwarded-Host are believed
	Health  *Health
	// Observe hears of each request: the route's pattern, never the path. May be nil.
	Observe func(site, method, route string, status int, took time.Duration)
}

// site is a Site ready to serve.
type site struct {
	Site
	hosts   map[string]bool
	handler http.Handler
}

var release sync.Once

// Handlers are the two sites, each for its own listener. A request whose Host is the other site's is handed to that one, so that one
// listener behind a proxy is enough; a page asked for under a foreign host is redirected to the right address.
func Handlers(console, companion Site, o Options) (forConsole, forCompanion http.Handler, err error) {
	release.Do(func() { gin.SetMode(gin.ReleaseMode) })
	a, err := build(console, o)
	if err != nil {
		return nil, nil, err
	}
	b, err := build(companion, o)
	if err != nil {
		return nil, nil, err
	}
	return front{a, b, o.Proxies}, front{b, a, o.Proxies}, nil
}

func build(s Site, o Options) (*site, error) {
	out := &site{Site: s, hosts: map[string]bool{normalHost(s.URL.Scheme, s.URL.Host): true}}
	for _, h := range s.Also {
		out.hosts[strings.ToLower(h)] = true
	}
	pages, err := loadPages(s.Build, s.Pages)
	if err != nil {
		return nil, err
	}
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.HandleMethodNotAllowed = false, false, true
	e.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := e.SetTrustedProxies(texts(o.Proxies)); err != nil {
		return nil, err
	}
	e.Use(requestID, observe(s.Name, o.Observe), httpkit.Log(o.Log), recovery(o.Log))
	o.Health.mount(e)
	if s.Mount != nil {
		s.Mount(e)
	}
	e.NoRoute(func(c *gin.Context) {
		if pages.serve(c.Writer, c.Request) || (s.Unknown != nil && s.Unknown(c, http.StatusNotFound)) {
			return
		}
		httpkit.Problem(c, fault.ErrNotFound)
	})
	e.NoMethod(func(c *gin.Context) {
		if s.Unknown == nil || !s.Unknown(c, http.StatusMethodNotAllowed) {
			methodNotAllowed(c)
		}
	})
	out.handler = e
	if s.Wrap != nil {
		out.handler = s.Wrap(e)
	}
	out.handler = headers(out.Site, out.handler)
	return out, nil
}

func methodNotAllowed(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Abort()
	c.Data(http.StatusMethodNotAllowed, "application/problem+json", []byte(
		`{"type":"about:blank","title":"Method Not Allowed","status":405,"code":"method_not_allowed","detail":"This address does not take that method."}`))
}

func texts(ps []netip.Prefix) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return out
}
