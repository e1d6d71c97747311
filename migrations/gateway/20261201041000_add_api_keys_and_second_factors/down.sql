DROP TABLE recovery_codes;
DROP TABLE totp_factors;
DROP TABLE api_keys;
