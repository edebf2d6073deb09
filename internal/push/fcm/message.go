package fcm

import (
	"strconv"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/countersign/countersign/internal/push"
)

// message builds what FCM gets. Android receives data only: the app posts the notification itself at once, under the tag cid, so
// that a second copy replaces the first. A withdrawal shows nothing and therefore goes with normal priority: Google demotes apps
// whose high-priority messages lead to no visible notification. The apns block serves iOS apps registered through Firebase.
func message(token string, m push.Message, expires time.Time, life time.Duration) *messaging.Message {
	priority := "high"
	if m.Type == push.Done {
		priority = "normal"
	}
	return &messaging.Message{
		Token: token,
		Data:  m.Data(),
		Android: &messaging.AndroidConfig{
			Priority:    priority,
			TTL:         &life,
			CollapseKey: string(m.Type), // a phone keeps four keys; two questions while it was off are one wake-up, it pulls the list
		},
		APNS: apns(m, expires),
	}
}

func apns(m push.Message, expires time.Time) *messaging.APNSConfig {
	aps := &messaging.Aps{
		Alert:          &messaging.ApsAlert{Title: push.Title, Body: push.Body},
		Category:       "CONFIRM",
		MutableContent: true,
		Sound:          "default",
		CustomData:     map[string]any{"interruption-level": "time-sensitive"},
	}
	priority := "10"
	switch m.Type {
	case push.Test:
		aps = &messaging.Aps{Alert: &messaging.ApsAlert{Title: push.Title, Body: push.TestBody}, Sound: "default"}
	case push.News:
		aps = &messaging.Aps{Alert: &messaging.ApsAlert{Title: push.NewsTitle, Body: push.NewsBody}, Sound: "default"}
	case push.Done:
		// One FCM message is one APNs push, so the replacement text and the wake-up travel together.
		priority = "5"
		aps = &messaging.Aps{
			Alert:            &messaging.ApsAlert{Title: push.Title, Body: push.DoneBody},
			ContentAvailable: true,
			CustomData:       map[string]any{"interruption-level": "passive"},
		}
	}
	return &messaging.APNSConfig{
		Headers: map[string]string{
			"apns-push-type":   "alert",
			"apns-priority":    priority,
			"apns-expiration":  strconv.FormatInt(expires.Unix(), 10),
			"apns-collapse-id": m.Confirmation,
		},
		Payload: &messaging.APNSPayload{Aps: aps},
	}
}
