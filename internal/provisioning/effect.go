package provisioning

import "gorm.io/gorm"

// Effect is what came of a call, divided as the minutes count calls: whoever sees a number finds the rows behind it.
type Effect string

// What a call can have come to.
const (
	Created Effect = "created" // a person, new or taken over
	Updated Effect = "updated"
	Off     Effect = "off" // deactivated or deleted
	Teams   Effect = "teams"
	Refused Effect = "refused" // failed or rejected
)

var (
	broughtIn = []string{"person.created", "person.adopted", "person.revived"}
	turnedOff = []string{"person.deactivated", "person.deleted"}
)

// Effects are all of them.
var Effects = []Effect{Created, Updated, Off, Teams, Refused}

// where chooses the calls that came to it; without an effect, all. A replay is not the provider's call.
func (e Effect) where(find *gorm.DB) *gorm.DB {
	if e == "" {
		return find
	}
	find = find.Where("replayed_by = ''")
	if e == Refused {
		return find.Where("result IN ?", []Result{Failed, Rejected})
	}
	find = find.Where("result = ?", OK)
	switch e {
	case Created:
		return find.Where("event IN ?", broughtIn)
	case Off:
		return find.Where("event IN ?", turnedOff)
	case Teams:
		return find.Where("event LIKE 'team.%'")
	default:
		return find.Where("event <> '' AND event NOT LIKE 'team.%' AND event NOT IN ? AND event NOT IN ?", broughtIn, turnedOff)
	}
}
