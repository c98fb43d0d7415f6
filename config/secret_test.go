package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v3"

	"github.com/fxsession/sessions/config"
)

// holder keeps a configuration as an application may: in a field that fmt
// cannot call methods on.
type holder struct {
	cfg      config.SessionConfig
	key      config.Key
	password config.Secret
}

func TestE3_NoPrintedFormShowsASecret(t *testing.T) {
	t.Parallel()
	const text = "correct-horse"
	key := parseKey(t, keyA)
	password := config.NewSecret(text)
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{key}
	cfg.Store.Redis.URL = password
	cfg.Store.Redis.Password = password
	cfg.Store.Redis.SentinelPassword = password
	cfg.Store.SQL.DSN = password
	held := holder{cfg, key, password}

	printed := map[string]string{}
	for name, v := range map[string]any{
		"key": key, "*key": &key, "secret": password, "*secret": &password, "config": cfg, "*config": &cfg, "keys": cfg.Cookie.Keys,
		"held": held, "*held": &held, "in a map": map[config.Key]config.Secret{key: password}, "in an any": []any{key, password, cfg},
	} {
		for _, verb := range "vTtbcoOqxXUeEfFgGspdw" {
			for _, flags := range []string{"", "+", "#", " ", "-40", "040", ".3"} {
				format := "%" + flags + string(verb)
				out := fmt.Sprintf(format, v)
				printed[name+" "+format] = out
				if (name == "key" || name == "secret") && verb != 'T' && verb != 'p' && verb != 'w' && out != "[redacted]" {
					t.Errorf("a %s prints with %s as %s", name, format, out)
				}
			}
		}
		printed[name+" Println"] = fmt.Sprintln(v)

		if b, err := json.Marshal(v); err == nil {
			printed[name+" json"] = string(b)
		}
		if b, err := yaml.Marshal(v); err == nil {
			printed[name+" yaml"] = string(b)
		}

		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		printed[name+" slog"] = b.String()

		b.Reset()
		for _, encoder := range []zapcore.Encoder{
			zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
		} {
			log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&b), zap.DebugLevel))
			log.Info("x", zap.Any("v", v), zap.Reflect("w", v))
			log.Sugar().Infow("x", "v", v)
			log.Sugar().Infof("%v %+v %#v", v, v, v)
		}
		printed[name+" zap"] = b.String()
	}

	raw := key.Bytes()
	secrets := []string{
		text, hex.EncodeToString([]byte(text)), fmt.Sprint([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)),
		strings.TrimRight(keyA, "="), string(raw), hex.EncodeToString(raw), fmt.Sprintf("%X", raw), fmt.Sprint(raw[:8])[1:16],
		fmt.Sprintf("%#v", raw[8:16])[8:30],
	}
	for form, out := range printed {
		for _, secret := range secrets {
			if strings.Contains(out, secret) {
				t.Errorf("%s shows a secret: %s", form, out)
			}
		}
	}
	if got := printed["config %+v"]; !strings.Contains(got, "Password:[redacted]") || !strings.Contains(got, "TTL:24h0m0s") {
		t.Errorf("a configuration prints as %s", got)
	}
}

func TestE3_AnEmptySecretPrintsAsNothing(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprintf("<%v><%v>", config.Secret{}, config.Key{}); got != "<><>" {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprintf("<%v><%v>", config.NewSecret("x"), config.NewKey()); got != "<[redacted]><[redacted]>" {
		t.Errorf("got %s", got)
	}
	if got := config.NewSecret("x").LogValue().String() + config.NewKey().LogValue().String(); got != "[redacted][redacted]" {
		t.Errorf("got %s", got)
	}
}

func TestE3_ASecretIsAValue(t *testing.T) {
	t.Parallel()
	a, b := config.NewSecret("text"), config.NewSecret(strings.Clone("text"))
	if a != b || a == config.NewSecret("other") || a.Reveal() != "text" || a.IsZero() {
		t.Error("two secrets of one text differ, or do not hold it")
	}
	if empty := config.NewSecret(""); empty != (config.Secret{}) || !empty.IsZero() || empty.Reveal() != "" {
		t.Error("the empty secret is not the zero one")
	}
}

func TestE3_AKeyIsAValueOf32Bytes(t *testing.T) {
	t.Parallel()
	key := parseKey(t, keyA)
	for i, b := range key.Bytes() {
		if int(b) != i {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
	key.Bytes()[0] = 0xff
	if key.Bytes()[0] != 0 || key.Reveal() != keyA {
		t.Error("a change of the copy is a change of the key")
	}
	if parseKey(t, key.Reveal()) != key || parseKey(t, keyB) == key || key.IsZero() {
		t.Error("keys do not compare by their bytes")
	}
	var zero config.Key
	if !zero.IsZero() || zero.Bytes() != nil || zero.Reveal() != "" {
		t.Error("the zero key is a key")
	}
}

func TestE3_NewKeyNeverMakesOneTwice(t *testing.T) {
	t.Parallel()
	made := map[config.Key]bool{}
	for range 1000 {
		key := config.NewKey()
		if len(key.Bytes()) != config.KeyBytes || made[key] {
			t.Fatal("a key is short, or there twice")
		}
		made[key] = true
	}
}

func TestE2_ParseKeyTakesBothAlphabetsWithOrWithoutPadding(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	want := parseKey(t, base64.StdEncoding.EncodeToString(raw))
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if got := parseKey(t, encoding.EncodeToString(raw)); got != want {
			t.Error("another key")
		}
	}
	for _, text := range []string{"", " " + keyA, keyA + "=", keyA + "\n", keyA[:20] + "\n" + keyA[20:], keyA[:40], keyA + keyA, "ä", strings.Repeat("=", 44)} {
		if key, err := config.ParseKey(text); err == nil || !key.IsZero() {
			t.Errorf("%q is taken for a key", text)
		} else if text != "" && strings.Contains(err.Error(), strings.TrimSpace(text)) {
			t.Errorf("the error shows the text: %v", err)
		}
	}
}
