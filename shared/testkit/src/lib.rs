//! In-memory fakes of the ports. A dev-dependency only.
