package server

import (
	"net/http"
	"strings"
)

// policy is the Content-Security-Policy of both sites: nothing but their own files, no inline script or style, no frame, and Trusted Types
// with one policy, which the companion needs to register its service worker.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; " +
	"worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sw"

// denied are the browser's abilities that no page of ours uses; the camera is added where there is no scanner.
var denied = []string{"accelerometer", "autoplay", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer", "microphone", "midi",
	"payment", "serial", "usb", "xr-spatial-tracking"}

// headers sets the security headers on every answer, also on errors, static files and refused upgrades.
func headers(s Site, next http.Handler) http.Handler {
	fixed := http.Header{}
	fixed.Set("Content-Security-Policy", policy)
	fixed.Set("X-Content-Type-Options", "nosniff")
	fixed.Set("Referrer-Policy", "no-referrer")
	fixed.Set("X-Frame-Options", "DENY")
	fixed.Set("Cross-Origin-Opener-Policy", "same-origin")
	fixed.Set("Cross-Origin-Resource-Policy", "same-origin")
	fixed.Set("Permissions-Policy", permissions(s.Camera))
	if s.URL.Scheme == "https" {
		fixed.Set("Strict-Transport-Security", "max-age=31536000")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, values := range fixed {
			h[name] = append([]string(nil), values...)
		}
		next.ServeHTTP(w, r)
	})
}

func permissions(camera bool) string {
	parts := make([]string, 0, len(denied)+1)
	for _, d := range denied {
		parts = append(parts, d+"=()")
	}
	if camera {
		parts = append(parts, "camera=(self)")
	} else {
		parts = append(parts, "camera=()")
	}
	return strings.Join(parts, ", ")
}
