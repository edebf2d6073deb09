package consoleapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/signin"
)

// readers may see who else is in the workspace; guests may not.
var readers = []directory.Role{directory.Owner, directory.SuperAdmin, directory.Admin, directory.User}

// longestPage is how many entries a page has at most.
const longestPage = 200

type personResponse struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Email       string         `json:"email"`
	UserName    string         `json:"user_name"`
	Role        string         `json:"role"`
	Active      bool           `json:"active"`
	Source      string         `json:"source"`
	HasPassword *bool          `json:"has_password,omitempty"` // for admins
	Teams       []teamResponse `json:"teams"`
	CreatedAt   time.Time      `json:"created_at"`
	LastSignIn  *time.Time     `json:"last_sign_in_at,omitempty"` // for admins
	LastSynced  *time.Time     `json:"last_synced_at,omitempty"`  // for admins
}

type teamResponse struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type peopleResponse struct {
	Items   []personResponse `json:"items"`
	Next    string           `json:"next,omitempty"`
	Partial bool             `json:"partial,omitempty"` // of a search
}

func (a *API) listPeople(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see who is in the workspace", readers...); err != nil {
		return err
	}
	limit, err := number(c, "limit", longestPage)
	if err != nil {
		return err
	}
	choice, err := chosenPeople(c)
	if err != nil {
		return err
	}
	if err := a.withProblem(c, in, &choice); err != nil {
		return err
	}
	page, err := directory.List(a.DB.Read(c.Request.Context()), in.Actor.Workspace, choice, c.Query("after"), limit)
	if err != nil {
		return err
	}
	items, err := a.people(c, in, page.Items)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, peopleResponse{Items: items, Next: page.Next, Partial: page.Part})
	return nil
}

// withProblem narrows a choice to people about whom the directory's last calls failed; the log is for admins alone.
func (a *API) withProblem(c *gin.Context, in signin.SignedIn, choice *directory.Choice) error {
	switch c.Query("problem") {
	case "":
		return nil
	case "failed_call":
	default:
		return ErrQuery
	}
	err := allow(in, "see about whom calls failed", directory.AdminRoles...)
	if err == nil {
		choice.Among, err = provisioning.PeopleWithProblems(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
	}
	return err
}

// chosenPeople reads the filters of the list of people.
func chosenPeople(c *gin.Context) (directory.Choice, error) {
	choice := directory.Choice{Text: c.Query("q"), Role: directory.Role(c.Query("role")), Source: directory.Source(c.Query("source")), Team: c.Query("team")}
	if role := choice.Role; role != "" && role != directory.Guest && !slices.Contains(readers, role) {
		return choice, ErrQuery
	}
	if s := choice.Source; s != "" && s != directory.Local && s != directory.Provider {
		return choice, ErrQuery
	}
	if !validID(choice.Team) {
		return choice, ErrQuery
	}
	switch c.Query("status") {
	case "":
	case "active", "inactive":
		active := c.Query("status") == "active"
		choice.Active = &active
	default:
		return choice, ErrQuery
	}
	return choice, nil
}

func (a *API) showPerson(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see who is in the workspace", readers...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return a.answerPerson(c, in, id)
}

// answerPerson answers with a person as they are now.
func (a *API) answerPerson(c *gin.Context, in signin.SignedIn, id string) error {
	m, err := directory.FindMember(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	items, err := a.people(c, in, []directory.Member{m})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, items[0])
	return nil
}

// people are members as the console shows them. How somebody signs in is shown to admins alone.
func (a *API) people(c *gin.Context, in signin.SignedIn, members []directory.Member) ([]personResponse, error) {
	out := make([]personResponse, len(members))
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.ID
		out[i] = personResponse{ID: m.ID, Name: m.Name, Email: m.Email, UserName: m.UserName, Role: string(m.Role), Active: m.Active,
			Source: string(m.Source), Teams: make([]teamResponse, len(m.Teams)), CreatedAt: m.CreatedAt}
		for j, t := range m.Teams {
			out[i].Teams[j] = teamResponse(t)
		}
	}
	if !in.Actor.Admin() || len(members) == 0 {
		return out, nil
	}
	db := a.DB.Read(c.Request.Context())
	facts, err := signin.FactsOf(db, ids)
	if err != nil {
		return nil, err
	}
	synced, err := provisioning.LastGood(db, in.Actor.Workspace, ids)
	for i, id := range ids {
		f := facts[id]
		out[i].HasPassword, out[i].LastSignIn = &f.HasPassword, f.LastSignIn
		if at, ok := synced[id]; ok {
			out[i].LastSynced = &at
		}
	}
	return out, err
}

type addPersonRequest struct {
	Name  string         `json:"name"`
	Email string         `json:"email"`
	Role  directory.Role `json:"role"`
	Mail  bool           `json:"mail"` // send them the link, in place of showing it
}

type linkResponse struct {
	Person    *personResponse `json:"person,omitempty"`
	Link      string          `json:"link,omitempty"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty"`
	MailedTo  string          `json:"mailed_to,omitempty"` // in place of the link
}

type linkRequest struct {
	Mail bool `json:"mail"` // send it to the person
}

func (a *API) mailPasswordLink(c *gin.Context, in signin.SignedIn, id string) error {
	p, err := directory.Find(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	if err := a.SignIn.MailPasswordLink(c.Request.Context(), in.Actor, id, a.Mail.PasswordLink); err != nil {
		return err
	}
	c.JSON(http.StatusCreated, linkResponse{MailedTo: p.Email})
	return nil
}

func (a *API) addPerson(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "change people", directory.ManagerRoles...); err != nil {
		return err
	}
	req, err := httpkit.Decode[addPersonRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	var out linkResponse
	var p directory.Person
	if req.Mail {
		out.MailedTo = req.Email
		p, err = a.SignIn.InviteByMail(c.Request.Context(), in.Actor, req.Name, req.Email, req.Role, a.Mail.PasswordLink)
	} else {
		var link signin.Link
		p, link, err = a.SignIn.Invite(c.Request.Context(), in.Actor, req.Name, req.Email, req.Role)
		out.Link, out.ExpiresAt = link.URL, optional(&link.ExpiresAt)
	}
	if err != nil {
		return err
	}
	items, err := a.people(c, in, []directory.Member{{Person: p}})
	if err != nil {
		return err
	}
	out.Person = &items[0]
	c.JSON(http.StatusCreated, out)
	return nil
}

func (a *API) passwordLink(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "change people", directory.ManagerRoles...); err != nil {
		return err
	}
	req, err := httpkit.Decode[linkRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if req.Mail {
		return a.mailPasswordLink(c, in, id)
	}
	link, err := a.SignIn.PasswordLink(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, linkResponse{Link: link.URL, ExpiresAt: &link.ExpiresAt})
	return nil
}

type changePersonRequest struct {
	Role   *directory.Role `json:"role"`
	Active *bool           `json:"active"`
	Was    wasPerson       `json:"was"`
}

// wasPerson is what somebody was when a change of theirs was begun.
type wasPerson struct {
	Role directory.Role `json:"role"`
}

func (a *API) changePerson(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "change people", directory.ManagerRoles...); err != nil {
		return err
	}
	req, err := httpkit.Decode[changePersonRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.modest(c, in, id, req.Role); err != nil {
		return err
	}
	if _, err := a.Directory.ChangeFrom(c.Request.Context(), in.Actor, id, req.Was.Role, req.Role, req.Active); err != nil {
		return err
	}
	return a.answerPerson(c, in, id)
}
