package scim

// Groups is the resource type of teams (RFC 7643 §4.2). Its members are detached: see MemberChange.
func Groups(further ...*Schema) *ResourceType {
	return NewResourceType("Group", "/Groups", "Group", groupSchema(), further...)
}

func groupSchema() *Schema {
	return &Schema{ID: GroupURN, Name: "Group", Description: "Group", Attributes: []*Attribute{
		{Name: "displayName", Type: String, Required: true, Indexed: true, Uniqueness: "server", Description: "Unique name of the team, without regard to case. Kept as sent."},
		{Name: "members", Type: Complex, Multi: true, Detached: true, Description: "The people of the team. Teams in teams are refused.", Sub: []*Attribute{
			{Name: "value", Type: String, CaseExact: true, Mutability: Immutable, Description: "The person's id."},
			{Name: "$ref", Type: Reference, CaseExact: true, Mutability: Immutable, References: []string{"User"}, Description: "The person's address."},
			{Name: "display", Type: String, Mutability: ReadOnly, Description: "The person's display name."},
			{Name: "type", Type: String, Mutability: Immutable, Canonical: []string{"User"}, Description: "Always User."},
		}},
	}}
}
