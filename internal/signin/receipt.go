package signin

// CountOpen counts what EndAll ends of a person, by their id, for the receipt of an offboarding: their sessions in this workspace.
const CountOpen = "SELECT count(*) FROM sign_ins WHERE person_id = ?"
