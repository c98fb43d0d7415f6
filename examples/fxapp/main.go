// Command fxapp is a small shop: visitors sign in, fill a cart and come back to
// it. It shows how an fx application uses sessions; README.md says how to run
// it and where to look.
package main

import (
	"fmt"
	"net/http"
	"os"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
)

func main() {
	settings, err := parseSettings(os.Args[1:], os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	app := fx.New(shop(settings))
	app.Done() // signals are heard from here on; Run by itself hears them when it has started
	app.Run()
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
