//! What the browser's script wants to know of the instance before anything else.

use serde_json::json;

use crate::core::response::{Outcome, Response};
use crate::core::{Issuer, Mode};

impl Issuer {
    /// Answers `GET /v1/environment`: as much as a script needs to start.
    pub(super) fn environment(&self) -> Outcome {
        let kind = match self.settings.mode {
            Mode::Live => "production",
            Mode::Test => "development",
        };
        let home = self.settings.allowed_origins.first().map(ToString::to_string);
        let page = |name: &str| format!("{}/{name}", self.settings.origin);
        let email = json!({
            "enabled": true,
            "required": true,
            "used_for_first_factor": true,
            "first_factors": [],
            "used_for_second_factor": false,
            "second_factors": [],
            "verifications": [],
            "verify_at_sign_up": false,
        });
        let answer = json!({
            "object": "environment",
            "id": "env_nostore",
            "maintenance_mode": false,
            "auth_config": {
                "object": "auth_config",
                "id": "aconf_nostore",
                "single_session_mode": true,
                "url_based_session_syncing": self.settings.mode == Mode::Test,
            },
            "display_config": {
                "object": "display_config",
                "id": "display_config_nostore",
                "instance_environment_type": kind,
                "application_name": "nostore issuer",
                "home_url": home,
                "after_sign_in_url": home,
                "after_sign_out_all_url": home,
                "sign_in_url": page("sign-in"),
                "sign_up_url": page("sign-in"),
                "branded": false,
            },
            "user_settings": {
                "attributes": { "email_address": email },
                "social": {},
                "actions": { "create_organization": false, "delete_self": false },
                "sign_in": { "second_factor": { "required": false, "enabled": false } },
                "sign_up": { "mode": "public", "progressive": true, "captcha_enabled": false },
            },
            "organization_settings": {
                "enabled": true,
                "force_organization_selection": false,
                "max_allowed_memberships": 0,
                "actions": { "admin_delete": false },
                "domains": { "enabled": false, "enrollment_modes": [], "default_role": null },
            },
        });
        Response::json(200, &answer).noted("environment").into()
    }
}
