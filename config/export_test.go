package config

// WithSecretFiles puts a function in the place of the file system, for the
// files that hold secrets.
func WithSecretFiles(read func(name string) ([]byte, error)) Option {
	return func(o *options) { o.readFile = read }
}

// Setting is a field as the documentation lists it.
type Setting struct {
	Path, Variable, Type, Default string
	Allowed                       []string // of a text that is one of a few
}

// Settings gives every field of Default.
func Settings() []Setting {
	cfg := Default()
	var settings []Setting
	for _, f := range fieldsOf(&cfg) {
		s := Setting{
			Path:     f.path,
			Variable: f.variable(),
			Type:     f.value.Type().String(),
			Default:  show(f.value.Interface()),
		}
		if e, ok := f.value.Interface().(enum); ok {
			s.Allowed = e.allowed()
			s.Default = f.value.String()
		}
		settings = append(settings, s)
	}
	return settings
}
