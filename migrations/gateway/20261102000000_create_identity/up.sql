-- Roles and what they permit. The built-in ones cannot be deleted.
CREATE TABLE roles (
    name     text PRIMARY KEY,
    built_in boolean NOT NULL DEFAULT false
);

CREATE TABLE role_permissions (
    role       text NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    permission text NOT NULL,
    PRIMARY KEY (role, permission)
);

INSERT INTO roles (name, built_in)
VALUES ('customer', true), ('agent', true), ('ops', true), ('revenue', true), ('admin', true);

INSERT INTO role_permissions (role, permission)
VALUES
    ('agent', 'booking:read_any'), ('agent', 'booking:write_any'),
    ('ops', 'reference:write'), ('ops', 'flight:write'), ('ops', 'disruption:write'), ('ops', 'manifest:read'),
    ('revenue', 'fare:write'), ('revenue', 'report:read');

-- The administrator may do all of that, and what nobody else may.
INSERT INTO role_permissions (role, permission) SELECT 'admin', permission FROM role_permissions;
INSERT INTO role_permissions (role, permission)
VALUES
    ('admin', 'user:read'), ('admin', 'user:write'), ('admin', 'role:write'), ('admin', 'audit:read'),
    ('admin', 'mail:read'), ('admin', 'mail:resend'), ('admin', 'system:check'), ('admin', 'limits:exempt');

CREATE TABLE users (
    id             uuid PRIMARY KEY,
    email          text NOT NULL,
    -- The address in lower case: one account an address, however it is written.
    email_key      text NOT NULL UNIQUE,
    email_verified boolean NOT NULL,
    -- bcrypt, with its cost and salt.
    password_hash  text NOT NULL,
    given_name     text NOT NULL,
    family_name    text NOT NULL,
    locale         text NOT NULL,
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deactivated')),
    version        bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_roles (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    text NOT NULL REFERENCES roles (name),
    PRIMARY KEY (user_id, role)
);
CREATE INDEX user_roles_by_role ON user_roles (role);

-- A login: the family of the refresh tokens that descend from it.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- That of its newest refresh token.
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- No row can be turned into a usable token: of a token only its SHA-256 is kept, and its successor
-- only sealed by the token itself, for as long as the token may be shown again.
CREATE TABLE refresh_tokens (
    digest           bytea PRIMARY KEY,
    session_id       uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at       timestamptz NOT NULL,
    rotated_at       timestamptz,
    sealed_successor bytea
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- Failed logins by the SHA-256 of the address in lower case, whether or not it has an account.
CREATE TABLE login_failures (
    account      bytea PRIMARY KEY,
    failures     integer NOT NULL,
    -- Of the first failure that counts.
    since        timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX login_failures_by_age ON login_failures (since);

-- Keys that sign access tokens. The private half is derived from a configured secret and the kid, so
-- it stands nowhere.
CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    -- Ed25519, base64url.
    public_key text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- A key of another secret has taken its place: soon it no longer signs, and then no longer verifies.
    retired_at timestamptz
);
