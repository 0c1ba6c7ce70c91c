-- The public keys of the issuers of logins: one process fetches them, and all that begin after it find them here.

CREATE TABLE issuer_keys (
    issuer text NOT NULL,                        -- as its tokens say (`iss`); whether it is trusted say the settings
    keys_url text NOT NULL,                      -- where the settings say its keys are; empty: where its discovery document says
    document jsonb NOT NULL,                     -- a JWKS (RFC 7517) of those keys that may verify a token
    fetched_at timestamptz NOT NULL,             -- when the issuer was asked for them
    PRIMARY KEY (issuer, keys_url)
);
