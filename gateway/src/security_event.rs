//! Security events: what an operator watches to notice an attack. Each is a log line and a count.

/// Something that happened to an account, a session or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecurityEvent {
    /// A login with the right credentials.
    LoginSucceeded,
    /// A login with wrong credentials.
    LoginFailed,
    /// A login that was refused unread because of the failures before it.
    LoginHeldUp,
    /// A password that was set by the token of a letter.
    PasswordReset,
    /// A refresh token that was used a second time: its session is ended.
    RefreshTokenReused,
    /// A user's access tokens were revoked: role, status or password changed.
    AccessRevoked,
    /// A session was ended before its time.
    SessionEnded,
    /// A key that signs access tokens was made, or announced, or took its place early.
    SigningKeyAdded,
    /// A key is no longer trusted.
    SigningKeyDropped,
    /// A request of a caller who lacks a permission.
    PermissionRefused,
    /// A user created an API key.
    ApiKeyCreated,
    /// A user deleted an API key.
    ApiKeyDeleted,
    /// A request with an API key that is unknown or has ended.
    ApiKeyRefused,
    /// A user switched the second factor on.
    TotpSwitchedOn,
    /// A user switched the second factor off.
    TotpSwitchedOff,
    /// A recovery code stood in for a code of the second factor.
    RecoveryCodeUsed,
    /// An alert that was not sent, because its account had ten within the hour.
    AlertLeftOut,
}

impl SecurityEvent {
    /// Its name in logs and metrics.
    fn name(self) -> &'static str {
        match self {
            Self::LoginSucceeded => "login_succeeded",
            Self::LoginFailed => "login_failed",
            Self::LoginHeldUp => "login_held_up",
            Self::PasswordReset => "password_reset",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::AccessRevoked => "access_revoked",
            Self::SessionEnded => "session_ended",
            Self::SigningKeyAdded => "signing_key_added",
            Self::SigningKeyDropped => "signing_key_dropped",
            Self::PermissionRefused => "permission_refused",
            Self::ApiKeyCreated => "api_key_created",
            Self::ApiKeyDeleted => "api_key_deleted",
            Self::ApiKeyRefused => "api_key_refused",
            Self::TotpSwitchedOn => "totp_switched_on",
            Self::TotpSwitchedOff => "totp_switched_off",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::AlertLeftOut => "alert_left_out",
        }
    }

    /// Logs and counts it. The request's span names the request; nothing names the person.
    pub(crate) fn record(self) {
        let name = self.name();
        tracing::info!(security.event = name, "A security event");
        metrics::counter!("aerobus_security_events_total", "event" => name).increment(1);
    }
}

#[cfg(test)]
mod tests {
    /// Operators look these names up.
    #[test]
    fn every_event_is_explained_to_operators() {
        let (source, guide) = (include_str!("security_event.rs"), include_str!("../../docs/operations.md"));
        let names = source.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split('"').nth(1));
        let unexplained: Vec<_> = names.filter(|name| !guide.contains(&format!("| `{name}` |"))).collect();
        assert!(unexplained.is_empty(), "docs/operations.md, Security events, lacks {unexplained:?}");
    }
}
