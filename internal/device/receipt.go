package device

// CountOpen counts what EndAll ends of a person, by their id, for the receipt of an offboarding: their phones, those being paired too.
const CountOpen = "SELECT count(*) FROM devices WHERE person_id = ? AND state <> 'removed'"
