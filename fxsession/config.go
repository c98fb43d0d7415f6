package fxsession

import (
	"errors"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
)

// Config says where [Module] reads its configuration from, in addition to the
// environment: config.WithFile, for example. Use it once, with all options,
// because their order matters and fx keeps none. To use a configuration that
// was built in code, see [Module].
func Config(opts ...config.Option) fx.Option {
	return fx.Supply(fx.Annotated{Group: "fxsession.config", Target: configOptions(opts)})
}

// configOptions are those of one Config.
type configOptions []config.Option

type newConfigParams struct {
	fx.In

	Options []configOptions `group:"fxsession.config"`
}

func newConfig(p newConfigParams) (config.SessionConfig, error) {
	var opts configOptions
	switch len(p.Options) {
	case 0:
	case 1:
		opts = p.Options[0]
	default:
		return config.SessionConfig{}, errors.New("fxsession: Config is there more than once: give all options to one of them")
	}
	return config.Load(opts...)
}
