package config

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxSecretFile is how many bytes a file with a secret has at most.
const maxSecretFile = 64 << 10

// readSecretFile reads a file of at most maxSecretFile bytes.
func readSecretFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err == nil && len(content) > maxSecretFile {
		err = fmt.Errorf("it has more than %d bytes", maxSecretFile)
	}
	return content, err
}

// secretFiles reads the files that hold secrets into the fields that they are
// for, and takes their names out of the configuration: what Load returns is
// complete without them.
func (l *loader) secretFiles(read func(name string) ([]byte, error)) {
	cookie, redis, sql := &l.cfg.Cookie, &l.cfg.Store.Redis, &l.cfg.Store.SQL

	l.secretFile("session.cookie.keys", &cookie.KeysFile, len(cookie.Keys) > 0, read, func(content string) (problem string) {
		cookie.Keys, problem = keysIn(content)
		return problem
	})
	l.secretFile("session.store.redis.password", &redis.PasswordFile, !redis.Password.IsZero(), read, intoSecret(&redis.Password))
	l.secretFile("session.store.redis.sentinel_password", &redis.SentinelPasswordFile, !redis.SentinelPassword.IsZero(), read,
		intoSecret(&redis.SentinelPassword))
	l.secretFile("session.store.sql.dsn", &sql.DSNFile, !sql.DSN.IsZero(), read, intoSecret(&sql.DSN))
}

// secretFile reads the file for the field at path. The function take says what
// is wrong with its content. What was not read is not shown: it may be a secret
// in the place of a file's name.
func (l *loader) secretFile(path string, name *string, set bool,
	read func(name string) ([]byte, error), take func(content string) (problem string),
) {
	if *name == "" {
		return
	}
	finding := Finding{Path: path + "_file", Source: l.sources[path+"_file"]}
	if set {
		also := path
		if source := l.source(path); source != "" {
			also += " (" + source + ")"
		}
		finding.Problem = also + " is set as well; there can be only one of the two"
	} else if content, err := read(*name); err != nil {
		finding.Problem = "cannot be read: " + reason(err) + "; it must be the name of a file, not the secret itself"
		finding.Err = unnamed(err)
	} else {
		const mark = "\ufeff" // of the order of bytes, which editors put there
		finding.Value, finding.Problem = show(*name), take(strings.TrimPrefix(string(content), mark))
		l.sources[path] = *name
	}
	if finding.Problem != "" {
		l.findings = append(l.findings, finding)
	}
	*name = ""
}

// keysIn reads a file of keys.
func keysIn(content string) (keys []Key, problem string) {
	for i, line := range strings.Split(content, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := ParseKey(line)
		if err != nil {
			return nil, "line " + strconv.Itoa(i+1) + ": " + err.Error()
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, "there is no key in the file"
	}
	return keys, ""
}

// intoSecret takes the content of a file, without the end of its last line.
func intoSecret(target *Secret) func(content string) (problem string) {
	return func(content string) string {
		content = strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")
		*target = NewSecret(content)
		if content == "" {
			return "there is nothing in the file"
		}
		return ""
	}
}
