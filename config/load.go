package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/knadh/koanf/parsers/json"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// Option says where [Load] reads from.
type Option func(*options)

type options struct {
	files    []namedFile
	environ  func() []string
	readFile func(name string) ([]byte, error) // secrets
}

type namedFile struct {
	name string
	read func() ([]byte, error)
}

// WithFile reads the file of that name: YAML if it ends in .yaml or .yml, JSON
// if it ends in .json. If it is used more than once, later files override
// earlier ones. A missing file is an error; errors.Is finds fs.ErrNotExist in
// it.
func WithFile(name string) Option {
	// Not koanf's provider for files, which links a file watcher.
	read := func() ([]byte, error) { return os.ReadFile(name) }
	return func(o *options) { o.files = append(o.files, namedFile{name, read}) }
}

// WithBytes is WithFile for content in memory, such as an embedded file. The
// name says whether it is YAML or JSON, and appears in errors.
func WithBytes(name string, content []byte) Option {
	read := func() ([]byte, error) { return content, nil }
	return func(o *options) { o.files = append(o.files, namedFile{name, read}) }
}

// WithEnviron replaces the environment, in the form of os.Environ, which Load
// reads without this option. nil is an empty environment: then no SESSION_
// variable is read, which is for tests.
func WithEnviron(environ []string) Option {
	return func(o *options) { o.environ = func() []string { return environ } }
}

// Load reads a configuration: the defaults, then the files that the options
// name, then the environment, each overriding the previous ones; then the files
// that contain secrets.
//
// In files the configuration is under the key session, each field under its
// path, such as session.state.ttl; other top-level keys belong to the
// application. In the environment the variable of a field is its path in upper
// case with underscores, such as SESSION_STATE_TTL; the elements of a list are
// separated by commas. An unknown key in a file, and an unknown variable that
// begins with SESSION_COOKIE_, SESSION_STATE_ or SESSION_STORE_, is an error.
// So is a top-level key that looks like session, or like a section of it, if no
// file has the key session; an empty session key turns that off.
//
// Load returns a valid configuration, or an [*Error] with everything that is
// wrong. In the result KeysFile, PasswordFile, SentinelPasswordFile and DSNFile
// are "", and the contents of the files are in Keys, Password, SentinelPassword
// and DSN.
func Load(opts ...Option) (SessionConfig, error) {
	o := options{environ: os.Environ, readFile: readSecretFile}
	for _, opt := range opts {
		opt(&o)
	}

	cfg := Default()
	l := newLoader(&cfg)
	for _, f := range o.files {
		l.file(f)
	}
	if !l.rooted {
		l.findings = append(l.findings, l.astray...)
	}
	l.environment(o.environ)
	l.secretFiles(o.readFile)
	if err := l.finish(cfg.Validate()); err != nil {
		return SessionConfig{}, err
	}
	return cfg, nil
}

// loader puts what it reads into a configuration.
type loader struct {
	cfg      *SessionConfig
	schema   schema
	sources  map[string]string // where the value at a path comes from
	findings []Finding
	rooted   bool      // a file has the key session
	astray   []Finding // what may be meant for it, where no file has it
}

func newLoader(cfg *SessionConfig) *loader {
	return &loader{cfg: cfg, schema: schemaOf(cfg), sources: map[string]string{}}
}

func (l *loader) file(f namedFile) {
	var p *strictParser
	switch strings.ToLower(filepath.Ext(f.name)) {
	case ".yaml", ".yml":
		p = &strictParser{Parser: yaml.Parser(), read: readYAML}
	case ".json":
		p = &strictParser{Parser: json.Parser(), read: readJSON}
	default:
		l.findings = append(l.findings, Finding{Source: f.name, Problem: "must end in .yaml, .yml or .json"})
		return
	}

	content, err := f.read()
	if err != nil {
		l.findings = append(l.findings, unreadable(f.name, err))
		return
	}
	k := koanf.New(".")
	err = k.Load(rawbytes.Provider(content), p)
	l.findings = append(l.findings, p.outline.findings(f.name)...)
	if err != nil {
		l.findings = append(l.findings, unreadable(f.name, err))
		return
	}
	source := func(path string) string { return at(f.name, p.outline.lines[path]) }
	l.findings = append(l.findings, dotted(k.Raw(), source)...)
	if session, ok := k.Raw()[root]; ok {
		l.rooted = true
		l.section(root, session, source)
		return
	}
	l.astray = append(l.astray, astray(l.schema, k.Raw(), source)...)
}

func (l *loader) environment(environ func() []string) {
	variables := map[string]field{}
	var names []string
	for _, f := range fieldsOf(l.cfg) {
		variables[f.variable()] = f
		names = append(names, f.variable())
	}

	k := koanf.New(".")
	err := k.Load(env.Provider(".", env.Opt{
		Prefix:      "SESSION_",
		EnvironFunc: environ,
		TransformFunc: func(name, text string) (string, any) {
			if f, ok := variables[name]; ok {
				return f.path, fromText(f, text)
			}
			if ours(name) {
				l.findings = append(l.findings, unknownVariable(name, text, names))
			}
			return "", nil
		},
	}), nil)
	if err != nil {
		l.findings = append(l.findings, unreadable("environment", err))
		return
	}
	if session, ok := k.Raw()[root]; ok {
		l.section(root, session, func(path string) string {
			path, _, _ = strings.Cut(path, "[")
			return field{path: path}.variable()
		})
	}
}

// ours says whether nobody else should set a variable of that name. A desktop
// sets SESSION_MANAGER.
func ours(name string) bool {
	for _, section := range []string{"SESSION_COOKIE_", "SESSION_STATE_", "SESSION_STORE_"} {
		if strings.HasPrefix(name, section) {
			return true
		}
	}
	return false
}

func unknownVariable(name, text string, names []string) Finding {
	f := Finding{Source: name, Problem: "there is no such variable"}
	if service, ok := serviceOf(name, text); ok {
		f.Problem += "; Kubernetes sets it for a Service named " + service +
			": give the pod enableServiceLinks: false, or the Service another name"
	} else if meant, ok := nearest(name, names); ok {
		f.Problem += "; did you mean " + meant + "?"
	}
	return f
}

// serviceLink matches the variables that Kubernetes sets for a Service in every
// container of its namespace. No field has such a name.
var serviceLink = regexp.MustCompile(`^([A-Z0-9_]+?)_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// serviceOf names the Service that a variable is of, if it is of one. NAME_PORT
// is that only with a URL in it: somebody may believe in a setting of that name.
func serviceOf(name, text string) (service string, ok bool) {
	m := serviceLink.FindStringSubmatch(name)
	if m == nil || m[2] == "PORT" && !strings.Contains(text, "://") {
		return "", false
	}
	return strings.ToLower(strings.ReplaceAll(m[1], "_", "-")), true
}

// finish gives everything that was found, by the loader and then by
// SessionConfig.Validate. Where a field could not be read, its default stands
// in, of which nothing is to be said.
func (l *loader) finish(invalid error) error {
	unread := map[string]bool{}
	for _, f := range l.findings {
		unread[f.Path] = true
	}
	for _, f := range findingsOf(invalid) {
		if unread[f.Path] {
			continue
		}
		if f.Source = l.source(f.Path); f.Source == "" && f.Value != "" && f.Value != `""` {
			f.Value += " (the default)" // which nobody wrote, and who reads this may not know
		}
		l.findings = append(l.findings, f)
	}
	return asError(l.findings)
}

// source says where the value at path comes from, "" for a default.
func (l *loader) source(path string) string {
	if source, ok := l.sources[path]; ok {
		return source
	}
	list, _, _ := strings.Cut(path, "[")
	return l.sources[list]
}
