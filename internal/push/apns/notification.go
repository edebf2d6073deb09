package apns

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/sideshow/apns2"

	"github.com/countersign/countersign/internal/push"
)

// The app's notification category. Its actions open the app; none of them approves, since that would skip the code and the
// context.
const category = "CONFIRM"

func notification(to push.Address, m push.Message, expires time.Time) *apns2.Notification {
	return &apns2.Notification{
		DeviceToken: to.Token, Topic: to.Topic, Expiration: expires,
		PushType: apns2.PushTypeAlert, Priority: apns2.PriorityHigh, CollapseID: m.Confirmation,
	}
}

// question is the notification a person sees. mutable-content lets the app add what it pulled; the words stand without that.
func question(to push.Address, m push.Message, expires time.Time) *apns2.Notification {
	n := notification(to, m, expires)
	n.Payload = payload(m, map[string]any{
		"alert":    map[string]string{"title": push.Title, "body": push.Body},
		"category": category, "mutable-content": 1, "interruption-level": "time-sensitive", "relevance-score": 1, "sound": "default",
	})
	return n
}

// trial shows the person that a notification arrives; there is nothing to open.
func trial(to push.Address, m push.Message, expires time.Time) *apns2.Notification {
	n := notification(to, m, expires)
	n.Payload = payload(m, map[string]any{"alert": map[string]string{"title": push.Title, "body": push.TestBody}, "sound": "default"})
	return n
}

// news asks nothing; the app has the words.
func news(to push.Address, m push.Message, expires time.Time) *apns2.Notification {
	n := notification(to, m, expires)
	n.Payload = payload(m, map[string]any{"alert": map[string]string{"title": push.NewsTitle, "body": push.NewsBody}, "sound": "default"})
	return n
}

// withdrawal replaces the question by the same collapse id, without sound or light.
func withdrawal(to push.Address, m push.Message, expires time.Time) *apns2.Notification {
	n := notification(to, m, expires)
	n.Priority = apns2.PriorityLow
	n.Payload = payload(m, map[string]any{
		"alert":              map[string]string{"title": push.Title, "body": push.DoneBody},
		"interruption-level": "passive",
	})
	return n
}

// wakeUp lets the app remove what is on the screen. A background push with another priority than 5 is an error.
func wakeUp(to push.Address, m push.Message, expires time.Time) *apns2.Notification {
	n := notification(to, m, expires)
	n.PushType, n.Priority, n.CollapseID = apns2.PushTypeBackground, apns2.PriorityLow, ""
	n.Payload = payload(m, map[string]any{"content-available": 1})
	return n
}

// payload puts the message's own fields beside aps.
func payload(m push.Message, aps map[string]any) map[string]any {
	all := map[string]any{}
	if err := json.Unmarshal(m.Payload(), &all); err != nil {
		panic("apns: a payload of ours is not an object: " + err.Error())
	}
	all["aps"] = aps
	return all
}

// check refuses what the library would let through to be refused by Apple, or worse, understood differently: without expiration a
// question may be stored for 30 days, priority 0 is sent as none and taken for 10.
func check(n *apns2.Notification) error {
	switch {
	case !n.Expiration.After(time.Unix(0, 0)):
		return errors.New("apns: no expiration")
	case n.Priority != apns2.PriorityHigh && n.Priority != apns2.PriorityLow:
		return errors.New("apns: no priority")
	case n.PushType == "":
		return errors.New("apns: no push type")
	case n.PushType == apns2.PushTypeBackground && n.Priority != apns2.PriorityLow:
		return errors.New("apns: background push with high priority")
	case len(n.CollapseID) > 64:
		return errors.New("apns: collapse id too long")
	case n.Topic == "":
		return errors.New("apns: no topic")
	}
	return nil
}
