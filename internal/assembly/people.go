package assembly

// belonging is a table whose rows belong to people, and what becomes of them when a person is deactivated or forgotten.
type belonging struct {
	table string
	// trace is the condition of rows that may have to end with a deactivation, the question mark being the person's id; "" for none. It may find
	// more: then the deactivation looks closely.
	trace string
	// forget is the condition of rows that go with a forgotten person, by their ids; "" for rows that stay as evidence. Those name an id only.
	forget string
}

const (
	theirs = "person_id = ?"
	ofThem = "person_id IN ?"
)

// belongings are all tables that refer to people; a test compares them with the schema. The order is that of deleting.
var belongings = []belonging{
	{"sign_ins", theirs, ofThem},
	{"password_links", theirs, ofThem},
	{"passwords", "", ofThem},
	{"passkeys", "", ofThem},
	{"known_browsers", "", ofThem},
	{"notices", "", ofThem},
	{"sso_subjects", "", ofThem},
	{"recovery_codes", "", "set_id IN (SELECT id FROM recovery_code_sets WHERE person_id IN ?)"},
	{"recovery_code_sets", "", ofThem},
	{"person_emails", "", ""}, // the directory's own
	{"devices", theirs, ""},
	{"pairings", theirs, ""},
	{"confirmation_people", theirs, ""}, // of everybody who was ever asked to confirm
	{"confirmations", theirs, ""},
	{"approvals", theirs, ""},
	{"recoveries", theirs, ""},
	{"recovery_requests", theirs, ""},
	{"recovery_requests", "approver_id = ? AND state = 'open'", ""},
	{"api_keys", "person_id = ? AND ended_at IS NULL", ""},
	{"ownership_transfers", "state = 'open' AND ? IN (from_id, to_id)", ""},
}

// registerPeople tells the directory where what belongs to people lies.
func (m *Domains) registerPeople() {
	for _, b := range belongings {
		if b.trace != "" {
			m.Directory.Trace("SELECT 1 FROM " + b.table + " WHERE " + b.trace)
		}
		if b.forget != "" {
			m.Directory.Forgets("DELETE FROM " + b.table + " WHERE " + b.forget)
		}
	}
}
