package confirm

// CountOpen counts what EndPerson ends of a person, by their id, for the receipt of an offboarding: their open confirmations.
const CountOpen = "SELECT count(*) FROM confirmations WHERE person_id = ? AND state IN ('pending', 'approved')"
