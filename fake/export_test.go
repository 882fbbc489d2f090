package fake

// Break makes an operation panic, as a bug of the fake would.
func (s *Server) Break(operationID string) {
	s.handlers[operationID] = func(*exchange) reply { panic("broken on purpose") }
}
