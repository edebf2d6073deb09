package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/ident"
)

// requestID names each request in the log and to the client. It is never taken from outside: a log line that anybody can name is no evidence.
func requestID(c *gin.Context) {
	id := ident.New("req")
	c.Set("request_id", id)
	c.Header("X-Request-Id", id)
}

func observe(site string, f func(site, method, route string, status int, took time.Duration)) gin.HandlerFunc {
	return func(c *gin.Context) {
		if f == nil {
			return
		}
		start := time.Now()
		c.Next()
		f(site, c.Request.Method, c.FullPath(), c.Writer.Status(), time.Since(start))
	}
}

// recovery turns a panic into a 500 and one Error line with the stack. The panic's value may hold anything, so it is shown only where it is
// an error of the runtime.
func recovery(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			what := fmt.Sprintf("panic of type %T", p)
			if err, ok := p.(interface{ RuntimeError() }); ok {
				what = fmt.Sprint(err)
			}
			log.Error("panic", "request_id", c.GetString("request_id"), "route", c.FullPath(), "err", what, "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				httpkit.Problem(c, fault.New(fault.Internal, "internal", "Something went wrong on our side. Try again; if it stays, give the operator the request id."))
			}
			c.Abort()
		}()
		c.Next()
	}
}
