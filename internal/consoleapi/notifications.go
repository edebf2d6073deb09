package consoleapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/mail"
	"github.com/countersign/countersign/internal/signin"
)

type notificationsResponse struct {
	Mail     mailResponse    `json:"mail"`
	Language string          `json:"language"`
	Events   []eventResponse `json:"events"`
	Can      bool            `json:"can_change"`
}

type mailResponse struct {
	On   bool   `json:"on"`
	From string `json:"from,omitempty"`
}

type eventResponse struct {
	Event    string `json:"event"`
	Push     bool   `json:"push"`
	News     bool   `json:"news"`
	Mail     bool   `json:"mail"`
	Enforced bool   `json:"enforced"`
}

func (a *API) mountNotifications(g *gin.RouterGroup) {
	g.GET("/notifications", a.session(a.showNotifications))
	g.PUT("/notifications", a.session(a.changeNotifications))
	g.POST("/notifications/test", a.session(a.testMail))
}

func (a *API) showNotifications(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see what people are told", directory.AdminRoles...); err != nil {
		return err
	}
	return a.presentNotifications(c, in)
}

func (a *API) presentNotifications(c *gin.Context, in signin.SignedIn) error {
	set, err := a.Mail.SettingsOf(c.Request.Context(), in.Actor)
	if err != nil {
		return err
	}
	out := notificationsResponse{Language: set.Language, Can: in.Actor.Manager(), Mail: mailResponse{On: a.Mail.On()}, Events: make([]eventResponse, len(mail.Events))}
	if a.Mail.On() {
		out.Mail.From = a.Mail.Sender.From()
	}
	for i, e := range mail.Events {
		out.Events[i] = eventResponse{Event: e.Name, Push: e.Push, News: e.News, Mail: !e.Push && set.Mails(e), Enforced: e.Enforced}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type notificationsRequest struct {
	Language string   `json:"language"`
	Off      []string `json:"off"` // events that are not mailed
}

func (a *API) changeNotifications(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "change what people are told", directory.ManagerRoles...); err != nil {
		return err
	}
	req, err := httpkit.Decode[notificationsRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.Mail.Change(c.Request.Context(), in.Actor, mail.Settings{Language: req.Language, Off: req.Off}); err != nil {
		return err
	}
	return a.presentNotifications(c, in)
}

func (a *API) testMail(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "send a test mail", directory.AdminRoles...); err != nil {
		return err
	}
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	to, err := a.Mail.Test(c.Request.Context(), in.Actor)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"to": to})
	return nil
}
