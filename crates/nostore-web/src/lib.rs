//! What every web adapter shares: the driver, the gate, lazy Auth, route rules.
