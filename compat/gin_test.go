package compat_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/fxsession/sessions/session"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func TestB10_Gin(t *testing.T) {
	behaves(t, outside, func(_ *testing.T, m *session.Manager, s *site) http.Handler {
		router := gin.New()
		storing := func(answer gin.HandlerFunc) gin.HandlerFunc {
			return func(c *gin.Context) {
				if err := remember(c.Request); err != nil {
					panic(err)
				}
				answer(c)
			}
		}
		router.GET("/json", storing(func(c *gin.Context) { c.JSON(http.StatusCreated, gin.H{"stored": true}) }))
		router.GET("/text", storing(func(c *gin.Context) { c.String(http.StatusOK, "stored") }))
		router.GET("/redirect", storing(func(c *gin.Context) { c.Redirect(http.StatusFound, "/value") }))
		router.GET("/nothing", storing(func(c *gin.Context) { c.Status(http.StatusNoContent) }))
		router.GET("/untouched", storing(func(*gin.Context) {}))
		router.GET("/stream", storing(func(c *gin.Context) {
			parts := 0
			c.Stream(func(w io.Writer) bool {
				if parts++; parts == 1 {
					fmt.Fprint(w, "first ")
					return true
				}
				<-s.proceed
				fmt.Fprint(w, "second")
				return false
			})
		}))
		router.GET("/file", storing(func(c *gin.Context) { c.File(s.file) }))
		router.GET("/error", storing(func(c *gin.Context) { c.AbortWithStatusJSON(http.StatusTeapot, gin.H{"error": "no coffee"}) }))
		router.GET("/panic", storing(func(*gin.Context) { panic("out of order") }))
		router.GET("/value", func(c *gin.Context) { c.String(http.StatusOK, must(recall(c.Request))) })
		return recoverer(m.Middleware(router))
	})
}
