package mobileapi

import "net/http"

type noteRequest struct {
	Note string `json:"note"`
}

// note takes what the phone's person has to say about a request that they have reported.
func (a *API) note(c call) error {
	var req noteRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := a.Confirms.Annotate(c.Request.Context(), c.Actor, c.Param("id"), req.Note); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
