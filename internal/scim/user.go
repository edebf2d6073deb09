package scim

// URNs of the schemas and messages.
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"

	ListURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	SearchURN     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	PatchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	BulkURN       = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	BulkResultURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	ErrorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// Users is the resource type of people: the core schema of RFC 7643 §4.1, the enterprise extension of §4.3, and further extensions.
func Users(further ...*Schema) *ResourceType {
	return NewResourceType("User", "/Users", "User Account", userSchema(), append([]*Schema{enterpriseSchema()}, further...)...)
}

func userSchema() *Schema {
	return &Schema{ID: UserURN, Name: "User", Description: "User Account", Attributes: []*Attribute{
		{Name: "userName", Type: String, Required: true, Indexed: true, Uniqueness: "server", Description: "Unique name of the person, without regard to case. Kept as sent."},
		{Name: "name", Type: Complex, Description: "The parts of the person's name.", Sub: []*Attribute{
			text("formatted", "The whole name, for display."),
			text("familyName", "Family name."),
			text("givenName", "Given name."),
			text("middleName", "Middle names."),
			text("honorificPrefix", "Title before the name, such as Ms."),
			text("honorificSuffix", "Suffix after the name, such as III."),
		}},
		text("displayName", "The name shown to people."),
		text("nickName", "The casual name."),
		{Name: "profileUrl", Type: Reference, References: []string{"external"}, Description: "A page about the person."},
		text("title", "Job title."),
		text("userType", "Relation to the organisation, such as Employee."),
		text("preferredLanguage", "Preferred language, as in Accept-Language."),
		text("locale", "Locale for numbers, currency and dates."),
		text("timezone", "Time zone, such as Europe/Zagreb."),
		{Name: "active", Type: Boolean, Default: true, Description: "Whether the person may use this service. It always has a value: true when it is not said, and again when it is removed."},
		{Name: "password", Type: String, Mutability: WriteOnly, Returned: Never, Description: "Accepted and dropped: passwords are set in this service by a link."},
		plural("emails", "E-mail addresses.", String, "work", "home", "other"),
		plural("phoneNumbers", "Phone numbers, kept as sent.", String, "work", "home", "mobile", "fax", "pager", "other"),
		plural("ims", "Instant messaging addresses.", String, "aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
		plural("photos", "URLs of photos.", Reference, "photo", "thumbnail"),
		{Name: "addresses", Type: Complex, Multi: true, Description: "Postal addresses.", Sub: []*Attribute{
			text("formatted", "The whole address, for display."),
			text("streetAddress", "Street, house number and further lines."),
			text("locality", "City."),
			text("region", "State or region."),
			text("postalCode", "Postal code."),
			text("country", "Country, as sent."),
			kind("work", "home", "other"),
			primary(),
		}},
		{Name: "groups", Type: Complex, Multi: true, Mutability: ReadOnly, Description: "The teams the person belongs to.", Sub: []*Attribute{
			{Name: "value", Type: String, CaseExact: true, Mutability: ReadOnly, Description: "The team's id."},
			{Name: "$ref", Type: Reference, CaseExact: true, Mutability: ReadOnly, References: []string{"Group"}, Description: "The team's address."},
			{Name: "display", Type: String, Mutability: ReadOnly, Description: "The team's name."},
			{Name: "type", Type: String, Mutability: ReadOnly, Canonical: []string{"direct", "indirect"}, Description: "Always direct."},
		}},
		plural("entitlements", "Things the person may have.", String),
		plural("roles", "Roles of the person, as the directory names them.", String),
		plural("x509Certificates", "Certificates, kept as sent.", Binary),
	}}
}

func enterpriseSchema() *Schema {
	return &Schema{ID: EnterpriseURN, Name: "EnterpriseUser", Description: "Enterprise User", Attributes: []*Attribute{
		text("employeeNumber", "Number given by the employer."),
		text("costCenter", "Cost centre."),
		text("organization", "Organisation."),
		text("division", "Division."),
		text("department", "Department."),
		{Name: "manager", Type: Complex, Description: "The person's manager.", Sub: []*Attribute{
			{Name: "value", Type: String, CaseExact: true, Description: "The manager's id. It is kept as sent, also when it names nobody."},
			{Name: "$ref", Type: Reference, CaseExact: true, Mutability: ReadOnly, References: []string{"User"}, Description: "The manager's address, when there is such a person."},
			{Name: "displayName", Type: String, Mutability: ReadOnly, Description: "The manager's display name, when there is such a person."},
		}},
	}}
}

func text(name, description string) *Attribute {
	return &Attribute{Name: name, Type: String, Description: description}
}

func plural(name, description string, value Type, kinds ...string) *Attribute {
	return &Attribute{Name: name, Type: Complex, Multi: true, Description: description, Sub: []*Attribute{
		{Name: "value", Type: value, CaseExact: value == Binary, Indexed: name == "emails", References: references(value), Description: "The value, kept as sent."},
		text("display", "For display."),
		kind(kinds...),
		primary(),
	}}
}

func references(t Type) []string {
	if t == Reference {
		return []string{"external"}
	}
	return nil
}

func kind(kinds ...string) *Attribute {
	return &Attribute{Name: "type", Type: String, Canonical: kinds, Description: "What it is for. Other values are kept too."}
}

func primary() *Attribute {
	return &Attribute{Name: "primary", Type: Boolean, Description: "Whether it is the preferred one; at most one is."}
}
