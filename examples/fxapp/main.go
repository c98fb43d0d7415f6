// Command fxapp is a small shop: visitors sign in, fill a cart and come back to
// it. It shows how an fx application uses sessions; README.md says how to run
// it and where to look.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
)

func main() {
	settings, err := parseSettings(os.Args[1:], os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	app := fx.New(shop(settings))
	if err := app.Err(); err != nil {
		fmt.Fprintln(os.Stderr, reason(err))
		os.Exit(1)
	}
	app.Done() // signals are heard from here on; Run by itself hears them when it has started
	app.Run()
}

// reason is what to tell when the shop could not be built. Of a configuration
// that is not valid, that is what is wrong with it, without fx's account of what
// needed it.
func reason(err error) error {
	if invalid, ok := errors.AsType[*config.Error](err); ok {
		return invalid
	}
	return err
}

// shop is the whole application.
func shop(settings Settings) fx.Option {
	return fx.Options(
		fx.Supply(settings),
		fx.WithLogger(newEventLogger),

		fxsession.Module,
		fxsession.Config(settings.sources()...),
		fx.Decorate(allowPlainHTTPOnLoopback),

		fx.Provide(
			newLogger,
			newCatalogue,
			newPages,
			newErrorHandler,
			newMetrics,
			newStreams,
			newServer,
		),
		fxsession.Routes(routes...),
		fx.Invoke(func(*http.Server) {}),
	)
}
