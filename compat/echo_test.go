package compat_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/fxsession/sessions/session"
)

func newEcho(s *site, use ...echo.MiddlewareFunc) *echo.Echo {
	router := echo.New()
	router.Logger.SetOutput(io.Discard)
	router.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}))
	router.Use(use...)
	storing := func(answer echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := remember(c.Request()); err != nil {
				return err
			}
			return answer(c)
		}
	}
	router.GET("/json", storing(func(c echo.Context) error { return c.JSON(http.StatusCreated, map[string]bool{"stored": true}) }))
	router.GET("/text", storing(func(c echo.Context) error { return c.String(http.StatusOK, "stored") }))
	router.GET("/redirect", storing(func(c echo.Context) error { return c.Redirect(http.StatusFound, "/value") }))
	router.GET("/nothing", storing(func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }))
	router.GET("/untouched", storing(func(echo.Context) error { return nil }))
	router.GET("/stream", storing(func(c echo.Context) error {
		c.Response().Flush()
		fmt.Fprint(c.Response(), "first ")
		c.Response().Flush()
		<-s.proceed
		fmt.Fprint(c.Response(), "second")
		return http.NewResponseController(c.Response()).Flush()
	}))
	router.GET("/file", storing(func(c echo.Context) error { return c.File(s.file) }))
	router.GET("/error", storing(func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "no coffee") }))
	router.GET("/panic", storing(func(echo.Context) error { panic("out of order") }))
	router.GET("/value", func(c echo.Context) error {
		value, err := recall(c.Request())
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, value)
	})
	return router
}

// TestB10_Echo has the session middleware among those of echo, whose error
// handler answers, after all of them, on the writer of the innermost one.
func TestB10_Echo(t *testing.T) {
	behaves(t, outside, func(_ *testing.T, m *session.Manager, s *site) http.Handler {
		return newEcho(s, echo.WrapMiddleware(m.Middleware))
	})
}

// TestB10_EchoBehindTheMiddleware has echo's recovery inside: for the session,
// the handler that panicked is one that answered 500.
func TestB10_EchoBehindTheMiddleware(t *testing.T) {
	behaves(t, inside, func(_ *testing.T, m *session.Manager, s *site) http.Handler {
		return m.Middleware(newEcho(s))
	})
}
