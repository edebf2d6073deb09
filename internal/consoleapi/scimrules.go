package consoleapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/scim"
	"github.com/countersign/countersign/internal/signin"
)

// mountDirectoryRules adds what a workspace decides about its directory: schemas of its own, mappings, the guard against mass removals, what was
// removed, and the ownership.
func (a *API) mountDirectoryRules(g *gin.RouterGroup) {
	g.GET("/directory/schemas", a.session(a.listSchemas))
	g.POST("/directory/schemas", a.session(a.defineSchema))
	g.DELETE("/directory/schemas/:id", a.session(a.dropSchema))
	g.GET("/directory/mapping", a.session(a.showMapping))
	g.PUT("/directory/mapping", a.session(a.setMapping))
	g.POST("/directory/mapping/preview", a.session(a.previewMapping))
	g.GET("/directory/role-mapping", a.session(a.showRoleMapping))
	g.PUT("/directory/role-mapping", a.session(a.setRoleMapping))
	g.POST("/directory/role-mapping/preview", a.session(a.previewRoleMapping))
	g.GET("/directory/guard", a.session(a.showGuard))
	g.PUT("/directory/guard", a.session(a.setGuard))
	g.GET("/directory/turn-off", a.session(a.showTurnOff))
	g.POST("/directory/turn-off", a.session(a.turnOff))
	g.GET("/people/:id/profile", a.session(a.showProfile))

	g.GET("/removals", a.session(a.listRemovals))
	g.GET("/removals/:id", a.session(a.showRemoval))
	g.POST("/removals/:id/allow", a.session(a.allowRemoval))
	g.POST("/removals/:id/keep", a.session(a.keepRemoval))
	g.GET("/deleted/people", a.session(a.listDeletedPeople))
	g.GET("/deleted/teams", a.session(a.listDeletedTeams))
	g.POST("/people/:id/restore", a.session(a.restorePerson))
	g.POST("/teams/:id/restore", a.session(a.restoreTeam))
	g.GET("/offboardings", a.session(a.listOffboardings))
	g.GET("/offboardings/:id", a.session(a.showOffboarding))
	g.GET("/ownership", a.session(a.showOwnership))
	g.POST("/ownership/take-over", a.session(a.takeOver))
}

// seesDirectory refuses who may not see the directory's settings.
func seesDirectory(in signin.SignedIn) error {
	return allow(in, "see the directory's settings", directory.AdminRoles...)
}

// changesDirectory refuses who may not change them.
func changesDirectory(in signin.SignedIn) error {
	return allow(in, "change the directory's settings", directory.ManagerRoles...)
}

type schemaResponse struct {
	ID           string                      `json:"id"`
	ResourceType string                      `json:"resource_type"`
	URN          string                      `json:"urn"`
	Name         string                      `json:"name"`
	Description  string                      `json:"description"`
	Attributes   []directory.SchemaAttribute `json:"attributes"`
	CreatedAt    time.Time                   `json:"created_at"`
	CreatedBy    string                      `json:"created_by"`
}

func presentSchema(s directory.Schema) schemaResponse {
	return schemaResponse{ID: s.ID, ResourceType: s.ResourceType, URN: s.URN, Name: s.Name, Description: s.Description, Attributes: s.Attributes,
		CreatedAt: s.CreatedAt, CreatedBy: s.CreatedBy}
}

type schemasResponse struct {
	Items []schemaResponse `json:"items"`
}

func (a *API) listSchemas(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	all, err := directory.Schemas(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
	if err != nil {
		return err
	}
	out := schemasResponse{Items: make([]schemaResponse, len(all))}
	for i, s := range all {
		out.Items[i] = presentSchema(s)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type defineSchemaRequest struct {
	ResourceType string                      `json:"resource_type"`
	URN          string                      `json:"urn"`
	Name         string                      `json:"name"`
	Description  string                      `json:"description"`
	Attributes   []directory.SchemaAttribute `json:"attributes"`
}

func (a *API) defineSchema(c *gin.Context, in signin.SignedIn) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[defineSchemaRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	s, err := a.Directory.DefineSchema(c.Request.Context(), in.Actor, directory.Schema{ResourceType: req.ResourceType, URN: req.URN, Name: req.Name,
		Description: req.Description, Attributes: req.Attributes})
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, presentSchema(s))
	return nil
}

type clearedResponse struct {
	Cleared int64 `json:"cleared"`
}

func (a *API) dropSchema(c *gin.Context, in signin.SignedIn) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	n, err := a.Directory.DropSchema(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, clearedResponse{Cleared: n})
	return nil
}

type mappingField struct {
	Field   string   `json:"field"`
	Sources []string `json:"sources"`
	Default []string `json:"default"`
	Own     bool     `json:"own"` // the workspace has said so itself
}

type mappingResponse struct {
	Fields  []mappingField `json:"fields"`
	Changed *int           `json:"changed,omitempty"` // people whose name or address is another now
}

func (a *API) showMapping(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	return a.answerMapping(c, in, nil)
}

func (a *API) answerMapping(c *gin.Context, in signin.SignedIn, changed *int) error {
	effective, own, err := a.Directory.Mapping(c.Request.Context(), in.Actor.Workspace)
	if err != nil {
		return err
	}
	out := mappingResponse{Changed: changed}
	for _, field := range directory.MappedFields {
		out.Fields = append(out.Fields, mappingField{Field: field, Sources: effective[field], Default: directory.DefaultMapping[field], Own: len(own[field]) > 0})
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type mappingRequest struct {
	Mapping        directory.AttributeMapping `json:"mapping"`
	ConfirmationID string                     `json:"confirmation_id"` // where the addresses are fed otherwise than before
	Was            directory.AttributeMapping `json:"was"`             // what held when the change was begun; absent: whatever holds
}

// mappingAction is the action that a phone confirms then; internal/assembly registers it.
const mappingAction = "directory.mapping"

// addressParams are what the phone signs.
type addressParams struct {
	Email []string `json:"email"`
}

// Validate is httpkit.Validator: leaving the mapping out is not clearing it.
func (r mappingRequest) Validate() error { return needed(r.Mapping != nil, "mapping") }

// needed refuses a body that leaves out what it is about.
func needed(there bool, name string) error {
	if there {
		return nil
	}
	return httpkit.ErrMalformed.Saying("%s is missing. Nothing was changed.", name)
}

func (a *API) setMapping(c *gin.Context, in signin.SignedIn) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[mappingRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	params, err := json.Marshal(addressParams{append([]string{}, req.Mapping["email"]...)})
	if err != nil {
		return err
	}
	n, err := a.Directory.SetMappingIf(c.Request.Context(), in.Actor, req.Was, req.Mapping, func(tx database.Tx) error {
		return a.Confirms.SpendWith(tx, in.Actor, confirmationID(req.ConfirmationID), mappingAction, "", params)
	})
	if err != nil {
		return err
	}
	return a.answerMapping(c, in, &n)
}

type mappingPreviewRequest struct {
	Mapping directory.AttributeMapping `json:"mapping"`
	Sample  json.RawMessage            `json:"sample"`  // a user as a SCIM request holds it
	CallID  string                     `json:"call_id"` // of the provisioning log: the user that this stored call sent
}

// Validate is httpkit.Validator.
func (r mappingPreviewRequest) Validate() error { return needed(r.Mapping != nil, "mapping") }

type fieldResponse struct {
	Field  string `json:"field"`
	Value  string `json:"value"`
	Source string `json:"source"` // the attribute that feeds it; "" for none
}

type fieldChangeResponse struct {
	PersonID   string `json:"person_id"`
	PersonName string `json:"person_name"`
	UserName   string `json:"user_name"`
	Field      string `json:"field"`
	From       string `json:"from"`
	To         string `json:"to"`
}

type mappingPreviewResponse struct {
	People  int                   `json:"people"`
	Changed int                   `json:"changed"`
	Changes []fieldChangeResponse `json:"changes"`
	Sample  []fieldResponse       `json:"sample,omitempty"`
}

func (a *API) previewMapping(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[mappingPreviewRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	sample, err := a.sample(c, in, req)
	if err != nil {
		return err
	}
	p, err := a.Directory.PreviewMapping(c.Request.Context(), in.Actor.Workspace, req.Mapping, sample)
	if err != nil {
		return sampleFault(err)
	}
	out := mappingPreviewResponse{People: p.People, Changed: p.Changed, Changes: []fieldChangeResponse{}, Sample: presentFields(p.Sample)}
	for _, ch := range p.Changes {
		out.Changes = append(out.Changes, fieldChangeResponse{PersonID: ch.Person.ID, PersonName: ch.Person.Name, UserName: ch.Person.UserName, Field: ch.Field, From: ch.From, To: ch.To})
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// sample is the user that a preview is shown for: one in the request, or the one that a stored call sent. Reading a stored call is for those who
// may reveal it, and the audit tells of it.
func (a *API) sample(c *gin.Context, in signin.SignedIn, req mappingPreviewRequest) (map[string]any, error) {
	raw := []byte(req.Sample)
	if req.CallID != "" {
		if err := allow(in, "read what a stored call sent", directory.ManagerRoles...); err != nil {
			return nil, err
		}
		call, err := a.SyncLog.Reveal(c.Request.Context(), in.Actor, confirmationID(req.CallID))
		if err != nil {
			return nil, err
		}
		if call.Method != http.MethodPost && call.Method != http.MethodPut || !strings.HasPrefix(strings.ToLower(call.Target), "/users") {
			return nil, directory.ErrMapping.Saying("This call sent no whole user. Take one that made or replaced a user.")
		}
		raw = call.Body
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil //nolint:nilnil // none was asked for
	}
	sample, err := scim.ParseObject(raw)
	if err != nil {
		return nil, directory.ErrMapping.Saying("The sample is not a SCIM user as a JSON object.").Because(err)
	}
	return sample, nil
}

func presentFields(all []directory.FieldValue) []fieldResponse {
	var out []fieldResponse
	for _, f := range all {
		out = append(out, fieldResponse(f))
	}
	return out
}

type profileResponse struct {
	ID         string          `json:"id"`
	UserName   string          `json:"user_name"`
	ExternalID string          `json:"external_id"`
	Source     string          `json:"source"`
	Fields     []fieldResponse `json:"fields"`
}

func (a *API) showProfile(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see who is in the workspace", readers...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	p, fields, err := a.Directory.Profile(c.Request.Context(), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, profileResponse{ID: p.ID, UserName: p.UserName, ExternalID: p.ExternalID, Source: string(p.Source), Fields: presentFields(fields)})
	return nil
}
