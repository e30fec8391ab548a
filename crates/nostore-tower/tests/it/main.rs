//! Behaviour of the layers, through a real axum app.
