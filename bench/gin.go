package main

import (
	"encoding/base32"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-contrib/sessions"
	gincookie "github.com/gin-contrib/sessions/cookie"
	ginmemory "github.com/gin-contrib/sessions/memstore"
	ginredis "github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"

	"github.com/fxsession/sessions/internal/testkit"
)

const (
	ginModule = "github.com/gin-contrib/sessions"
	ginMemory = "gin, memory"
	ginCookie = "gin, cookie"
	ginRedis  = "gin, redis"
)

func ginLibraries() []library {
	return []library{
		{ginMemory, ginModule, "memory", scenarios, func(string) (*site, error) {
			return openGin(ginmemory.NewStore(authenticationKey), func() {}), nil
		}},
		{ginCookie, ginModule, "cookie", scenarios, func(string) (*site, error) {
			return openGin(gincookie.NewStore(authenticationKey), func() {}), nil
		}},
		{ginRedis, ginModule, "redis", scenarios, func(address string) (*site, error) {
			s, err := ginredis.NewStore(connections, "tcp", address, "", "", authenticationKey)
			if err != nil {
				return nil, err
			}
			pooled, err := ginredis.GetRedisStore(s)
			if err != nil {
				return nil, err
			}
			return openGin(s, func() { _ = pooled.Close() }), nil
		}},
	}
}

func openGin(s sessions.Store, closeStore func()) *site {
	registerGob()
	s.Options(sessions.Options{Path: "/", MaxAge: aDay})
	engine := newGin()
	engine.Use(sessions.Sessions(cookieName, s))
	engine.GET("/:scenario", func(c *gin.Context) { answer(c.Writer, serveGin(c)) })
	return &site{Handler: engine, Close: closeStore}
}

func newGin() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	return gin.New()
}

func serveGin(c *gin.Context) error {
	s := sessions.Default(c)
	switch scenario(c.Request.URL.Path[1:]) {
	case s1, s2:
		return nil
	case s3:
		user, _ := s.Get(keyUser).(string)
		return checkUser(user)
	case s4:
		return stateOf(func(key string) any { return s.Get(key) }).check()
	case s5, s7:
		s.Set(keyVisits, 43)
	case s6:
		if err := endGinID(s, c.Writer, c.Request); err != nil {
			return err
		}
		s.Set(keyUser, otherUser)
		s.Set(keyVisits, 1)
	case "fill":
		s.Set(keyUser, initial.User)
		s.Set(keyVisits, initial.Visits)
		s.Set(keyProfile, initial.Profile)
		s.Set(keyRoles, initial.Roles)
		s.Set(keySince, initial.Since)
	default:
		return unknownPath(c.Request.URL.Path)
	}
	return s.Save()
}

// endGinID is endID: gin's session wraps that of gorilla.
func endGinID(s sessions.Session, w http.ResponseWriter, r *http.Request) error {
	inner, ok := s.(interface{ Session() *gorilla.Session })
	if !ok {
		return errors.New("gin's session no longer gives gorilla's")
	}
	return endID(inner.Session(), w, r)
}

// crowdGin keeps many sessions in gin's memory store. It copies each through gob
// on its way in, and never removes one, so that there is no sweep.
func crowdGin(time.Duration) (crowd, error) {
	registerGob()
	return &ginCrowd{
		store: ginmemory.NewStore(authenticationKey),
		values: map[any]any{
			keyUser: initial.User, keyVisits: initial.Visits, keyProfile: initial.Profile, keyRoles: initial.Roles, keySince: initial.Since,
		},
		w: &sink{Sink: testkit.Sink{}},
	}, nil
}

type ginCrowd struct {
	store  sessions.Store
	values map[any]any
	w      *sink
}

func (c *ginCrowd) put(n int, _ time.Duration) error {
	clear(c.w.Sink)
	s := gorilla.NewSession(c.store, cookieName)
	// 52 characters, as the store's own IDs.
	s.ID = strings.TrimRight(base32.StdEncoding.EncodeToString(token(n)), "=")
	s.Options, s.Values = &gorilla.Options{MaxAge: aDay}, c.values
	return c.store.Save(nil, c.w, s)
}

func (c *ginCrowd) update(n int) error      { return c.put(n, 0) }
func (c *ginCrowd) reader(int) func() error { return func() error { return errNoSweep } }
func (c *ginCrowd) sweep() error            { return errNoSweep }
func (c *ginCrowd) close()                  {}
