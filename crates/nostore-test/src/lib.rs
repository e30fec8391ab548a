//! Processes and Chromium for end-to-end tests.
