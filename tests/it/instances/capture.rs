//! Guests that outlive the service.
