-- What is too old of the history of control is found by its age. Entries come in the order of time, so the index grows
-- at its end alone.
CREATE INDEX control_by_age ON control (at);

-- Apps of which events of a stream are to be sent again, when those events go.
CREATE INDEX resends_by_place ON resends (stream, position);
