package fakepush

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// rule judges one value at a path; nil means right.
type rule func(path string, v any) *fcmRefusal

func badField(path, why string) *fcmRefusal {
	return &fcmRefusal{http: 400, status: "INVALID_ARGUMENT", message: fmt.Sprintf("Invalid value at '%s': %s", path, why), field: path}
}

// object allows exactly these fields. Google answers an unknown one with 400 and its name.
func object(fields map[string]rule) rule {
	return func(path string, v any) *fcmRefusal {
		m, ok := v.(map[string]any)
		if !ok {
			return badField(path, "not an object")
		}
		for name, value := range m {
			at := strings.TrimPrefix(path+"."+name, ".")
			check, known := fields[name]
			if !known {
				x := badField(at, "")
				x.message = fmt.Sprintf("Invalid JSON payload received. Unknown name %q at '%s': Cannot find field.", name, path)
				return x
			}
			if bad := check(at, value); bad != nil {
				return bad
			}
		}
		return nil
	}
}

func text(pattern string) rule {
	p := regexp.MustCompile("^(?:" + pattern + ")$")
	return func(path string, v any) *fcmRefusal {
		if s, ok := v.(string); !ok || !p.MatchString(s) {
			return badField(path, "not a text of the expected form")
		}
		return nil
	}
}

func boolean(path string, v any) *fcmRefusal {
	if _, ok := v.(bool); !ok {
		return badField(path, "not a boolean")
	}
	return nil
}

func number(path string, v any) *fcmRefusal {
	if _, ok := v.(json.Number); !ok {
		return badField(path, "not a number")
	}
	return nil
}

func anyObject(path string, v any) *fcmRefusal {
	if _, ok := v.(map[string]any); !ok {
		return badField(path, "not an object")
	}
	return nil
}

func texts(allowed func(name string) bool) rule {
	return func(path string, v any) *fcmRefusal {
		m, ok := v.(map[string]any)
		if !ok {
			return badField(path, "not an object")
		}
		for name, value := range m {
			if _, isText := value.(string); !isText || !allowed(name) {
				return badField(path+"["+name+"]", "not a text, or a reserved name")
			}
		}
		return nil
	}
}

// dataName refuses what FCM keeps for itself.
func dataName(name string) bool {
	return name != "from" && name != "message_type" && name != "gcm" && !strings.HasPrefix(name, "google.") && !strings.HasPrefix(name, "gcm.")
}

var (
	anyText       = text(`(?s:.*)`)
	android       = text(`(?i:high|normal)`)
	label         = object(map[string]rule{"analytics_label": anyText})
	notification  = object(map[string]rule{"title": anyText, "body": anyText, "image": anyText})
	androidNotice = object(map[string]rule{
		"title": anyText, "body": anyText, "icon": anyText, "color": anyText, "sound": anyText, "tag": anyText, "click_action": anyText,
		"channel_id": anyText, "visibility": text("PRIVATE|PUBLIC|SECRET"), "image": anyText, "ticker": anyText, "sticky": boolean,
		"local_only": boolean, "notification_count": number,
	})
)

// fcmSchema is the body of messages:send as far as anybody here sends it.
var fcmSchema = object(map[string]rule{
	"validate_only": boolean,
	"message": object(map[string]rule{
		"token": anyText, "topic": anyText, "condition": anyText, "name": anyText, "notification": notification, "fcm_options": label,
		"data": texts(dataName),
		"android": object(map[string]rule{
			"collapse_key": anyText, "priority": android, "ttl": life, "restricted_package_name": anyText, "data": texts(dataName),
			"notification": androidNotice, "fcm_options": label, "direct_boot_ok": boolean,
		}),
		"apns":    object(map[string]rule{"headers": apnsHeaders, "payload": apnsPayload, "fcm_options": label, "live_activity_token": anyText}),
		"webpush": anyObject,
	}),
})

// apnsHeaders are passed on to APNs, so they keep its rules; what is absent FCM fills in.
func apnsHeaders(path string, v any) *fcmRefusal {
	known := object(map[string]rule{
		"apns-priority": text("1|5|10"), "apns-push-type": text("alert|background"), "apns-expiration": text("[0-9]{1,12}"),
		"apns-collapse-id": text(`.{1,64}`), "apns-id": text("[0-9a-fA-F-]{36}"), "apns-topic": anyText,
	})
	if bad := known(path, v); bad != nil {
		return bad
	}
	h, _ := v.(map[string]any)
	if h["apns-push-type"] == "background" && h["apns-priority"] != "5" {
		return badField(path+"[apns-priority]", "a background push has priority 5")
	}
	return nil
}

func apnsPayload(path string, v any) *fcmRefusal {
	m, _ := v.(map[string]any)
	if _, ok := m["aps"].(map[string]any); !ok {
		return badField(path+".aps", "not an object")
	}
	return nil
}

// life is a duration in protobuf's form, from 0 to 28 days.
func life(path string, v any) *fcmRefusal {
	if bad := text(`[0-9]{1,7}(\.[0-9]{1,9})?s`)(path, v); bad != nil {
		return bad
	}
	s, _ := v.(string)
	if d, err := time.ParseDuration(s); err != nil || d > 28*24*time.Hour {
		return badField(path, "more than four weeks")
	}
	return nil
}

// checkFCM applies the schema, and the rule that there is one target.
func checkFCM(body []byte) *fcmRefusal {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return badField("", "not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return badField("", "more than one value")
	}
	if bad := fcmSchema("", v); bad != nil {
		return bad
	}
	whole, _ := v.(map[string]any)
	m, _ := whole["message"].(map[string]any)
	targets := 0
	for _, name := range []string{"token", "topic", "condition"} {
		if s, _ := m[name].(string); s != "" {
			targets++
		}
	}
	if targets != 1 || m["token"] == nil {
		return badField("message.token", "exactly one target is needed, and this fake knows tokens only")
	}
	return nil
}
