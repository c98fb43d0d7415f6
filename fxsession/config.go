package fxsession

import (
	"errors"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
)

// Config says where [Module] reads its configuration from, config.WithFile for
// example, beside the environment. It is given once, with all the options,
// because their order counts and fx keeps none.
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
