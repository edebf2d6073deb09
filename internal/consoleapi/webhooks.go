package consoleapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/webhook"
)

type webhookResponse struct {
	ID        string     `json:"id"`
	URL       string     `json:"url"`
	Events    []string   `json:"events"`
	CreatedAt time.Time  `json:"created_at"`
	StoppedAt *time.Time `json:"stopped_at,omitempty"`
	FailingAt *time.Time `json:"failing_since,omitempty"`
	OldUntil  *time.Time `json:"old_secret_until,omitempty"`
}

func webhookOf(e webhook.Endpoint) webhookResponse {
	return webhookResponse{ID: e.ID, URL: e.URL, Events: e.Events, CreatedAt: e.CreatedAt, StoppedAt: e.StoppedAt, FailingAt: e.FailingAt, OldUntil: e.OldUntil}
}

type webhookSecretResponse struct {
	Webhook webhookResponse `json:"webhook"`
	Secret  string          `json:"secret"`
}

type deliveryResponse struct {
	ID        string          `json:"id"`
	EventID   string          `json:"event_id,omitempty"`
	Type      string          `json:"type"`
	Body      json.RawMessage `json:"body"`
	State     webhook.State   `json:"state"`
	Attempts  int             `json:"attempts"`
	Status    int             `json:"status,omitempty"`
	Error     string          `json:"error,omitempty"`
	TookMS    int             `json:"took_ms"`
	CreatedAt time.Time       `json:"created_at"`
	TriedAt   *time.Time      `json:"tried_at,omitempty"`
}

func deliveryOf(d webhook.Delivery) deliveryResponse {
	return deliveryResponse{ID: d.ID, EventID: d.EventID, Type: d.Type, Body: d.Body, State: d.State, Attempts: d.Attempts, Status: d.Status, Error: d.Error,
		TookMS: d.TookMS, CreatedAt: d.CreatedAt, TriedAt: d.TriedAt}
}

func (a *API) mountWebhooks(g *gin.RouterGroup) {
	g.GET("/webhooks", a.session(a.listWebhooks))
	g.POST("/webhooks", a.session(a.addWebhook))
	g.PATCH("/webhooks/:id", a.session(a.changeWebhook))
	g.DELETE("/webhooks/:id", a.session(a.removeWebhook))
	g.POST("/webhooks/:id/secret", a.session(a.renewWebhook))
	g.POST("/webhooks/:id/test", a.session(a.testWebhook))
	g.GET("/webhooks/:id/deliveries", a.session(a.listDeliveries))
	g.POST("/webhooks/:id/deliveries/:delivery/resend", a.session(a.resendDelivery))
}

func (a *API) listWebhooks(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see webhooks", directory.AdminRoles...); err != nil {
		return err
	}
	all, err := a.Webhooks.List(c.Request.Context(), in.Actor)
	if err != nil {
		return err
	}
	items := make([]webhookResponse, len(all))
	for i, e := range all {
		items[i] = webhookOf(e)
	}
	c.JSON(http.StatusOK, gin.H{"items": items, "can_change": in.Actor.Manager()})
	return nil
}

type webhookRequest struct {
	URL    string   `json:"url"`
	Events []string `json:"events"`
}

// addWebhook shows the secret this once, so it asks for a fresh sign-in.
func (a *API) addWebhook(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "change webhooks", directory.ManagerRoles...); err != nil {
		return err
	}
	req, err := httpkit.Decode[webhookRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := fresh(in); err != nil {
		return err
	}
	e, secret, err := a.Webhooks.Add(c.Request.Context(), in.Actor, req.URL, req.Events)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, webhookSecretResponse{webhookOf(e), secret})
	return nil
}

type webhookChange struct {
	URL     *string   `json:"url"`
	Events  *[]string `json:"events"`
	Stopped *bool     `json:"stopped"`
}

func (a *API) changeWebhook(c *gin.Context, in signin.SignedIn) error {
	id, err := a.managesWebhook(c, in)
	if err != nil {
		return err
	}
	req, err := httpkit.Decode[webhookChange](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	e, err := a.Webhooks.Change(c.Request.Context(), in.Actor, id, webhook.Wanted{URL: req.URL, Events: req.Events, Stopped: req.Stopped})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, webhookOf(e))
	return nil
}

func (a *API) managesWebhook(c *gin.Context, in signin.SignedIn) (id string, err error) {
	if err := allow(in, "change webhooks", directory.ManagerRoles...); err != nil {
		return "", err
	}
	return pathID(c)
}

func (a *API) removeWebhook(c *gin.Context, in signin.SignedIn) error {
	id, err := a.managesWebhook(c, in)
	if err != nil {
		return err
	}
	if err := a.Webhooks.Remove(c.Request.Context(), in.Actor, id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *API) renewWebhook(c *gin.Context, in signin.SignedIn) error {
	id, err := a.managesWebhook(c, in)
	if err != nil {
		return err
	}
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := fresh(in); err != nil {
		return err
	}
	e, secret, err := a.Webhooks.Renew(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, webhookSecretResponse{webhookOf(e), secret})
	return nil
}

func (a *API) testWebhook(c *gin.Context, in signin.SignedIn) error {
	return a.sendWebhook(c, in, func(ctx context.Context, by actor.Actor, id string) (webhook.Delivery, error) {
		return a.Webhooks.Test(ctx, by, id)
	})
}

func (a *API) resendDelivery(c *gin.Context, in signin.SignedIn) error {
	return a.sendWebhook(c, in, func(ctx context.Context, by actor.Actor, id string) (webhook.Delivery, error) {
		delivery := c.Param("delivery")
		if !idForm.MatchString(delivery) {
			return webhook.Delivery{}, fault.ErrNotFound
		}
		return a.Webhooks.Resend(ctx, by, id, delivery)
	})
}

func (a *API) sendWebhook(c *gin.Context, in signin.SignedIn, send func(context.Context, actor.Actor, string) (webhook.Delivery, error)) error {
	id, err := a.managesWebhook(c, in)
	if err != nil {
		return err
	}
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	d, err := send(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusAccepted, deliveryOf(d))
	return nil
}

func (a *API) listDeliveries(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see webhooks", directory.AdminRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	all, err := a.Webhooks.Deliveries(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	items := make([]deliveryResponse, len(all))
	for i, d := range all {
		items[i] = deliveryOf(d)
	}
	c.JSON(http.StatusOK, gin.H{"items": items})
	return nil
}
